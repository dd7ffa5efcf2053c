import Foundation
import Settings
import Testing

@Suite("Settings: where they stand")
struct ReadingTests {
  private static func with<Value>(
    _ files: [String: String], _ body: ([String]) async throws -> Value
  ) async throws -> Value {
    let folder = FileManager.default.temporaryDirectory.appending(path: UUID().uuidString)
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: folder) }
    for (name, text) in files {
      try text.write(to: folder.appending(path: name), atomically: true, encoding: .utf8)
    }
    return try await body(files.keys.sorted().map { folder.appending(path: $0).path() })
  }

  @Test("of two files that name a key the first counts")
  func files() async throws {
    let files = [
      "1.env": "POOLHUB_LEASE_TTL_SEC=7\n# POOLHUB_MIN_TRUST=1\n",
      "2.env": "POOLHUB_LEASE_TTL_SEC=8\nPOOLHUB_HEARTBEAT_GRACE_SEC = 9\n",
    ]
    try await Self.with(files) { paths in
      let reader = try await SettingsReader.live(files: paths)
      #expect(reader.text("POOLHUB_LEASE_TTL_SEC") == "7")
      #expect(reader.text("POOLHUB_HEARTBEAT_GRACE_SEC") == "9")
      #expect(reader.text("POOLHUB_MIN_TRUST") == nil)
    }
  }

  @Test("a file that is named and cannot be read is told")
  func missing() async {
    let fault = await #expect(throws: SettingsError.self) {
      try await SettingsReader.live(files: ["/nonexistent/gateway.env"])
    }
    #expect(fault?.key == "/nonexistent/gateway.env")
  }

  @Test("two readings tell the keys that have other values, and nothing of keys that nobody read")
  func changes() {
    let before = SettingsReader(
      environment: ["POOLHUB_A": "1", "POOLHUB_B": "2", "POOLHUB_C": "3", "POOLHUB_D": "4"])
    let after = SettingsReader(
      environment: ["POOLHUB_A": "1", "POOLHUB_B": "two", "POOLHUB_D": "four", "POOLHUB_E": "5"])
    for reader in [before, after] {
      for key in ["POOLHUB_A", "POOLHUB_B", "POOLHUB_C", "POOLHUB_E"] { _ = reader.text(key) }
    }
    #expect(after.changes(since: before) == ["POOLHUB_B", "POOLHUB_C", "POOLHUB_E"])
    #expect(after.changes(since: after) == [])
  }
}
