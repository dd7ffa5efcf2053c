import Foundation
import Settings
import Testing

@Suite("The example of all settings")
struct ExampleFileTests {
  struct Entry: Equatable {
    var key: String
    var value: String
    var isCommentedOut: Bool
  }

  static let root = URL(filePath: #filePath)
    .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()

  /// The lines `KEY=value` and `# KEY=value`.
  static func entries() throws -> [Entry] {
    let text = try String(contentsOf: root.appending(path: ".env.example"), encoding: .utf8)
    return text.split(separator: "\n").compactMap { line in
      guard let match = line.wholeMatch(of: /(# )?(POOLHUB_[A-Z_]+)=(.*)/) else { return nil }
      return Entry(
        key: String(match.2), value: String(match.3), isCommentedOut: match.1 != nil)
    }
  }

  /// The keys that stand as whole texts in the sources: those that are read.
  static func keysInSources() throws -> Set<String> {
    let sources = root.appending(path: "Sources").resolvingSymlinksInPath()
    let files = try #require(
      FileManager.default.enumerator(at: sources, includingPropertiesForKeys: nil))
    var keys = Set<String>()
    for case let file as URL in files where file.pathExtension == "swift" {
      let text = try String(contentsOf: file, encoding: .utf8)
      for match in text.matches(of: /"(POOLHUB_[A-Z_]+)"/) { keys.insert(String(match.1)) }
    }
    return keys
  }

  @Test("lists every key that the sources read, and no other, once")
  func complete() throws {
    let listed = try Self.entries().map(\.key)
    let read = try Self.keysInSources()
    #expect(read.count > 20)
    #expect(read.subtracting(listed).isEmpty, "missing in .env.example")
    #expect(Set(listed).subtracting(read).isEmpty, "in .env.example and read nowhere")
    #expect(Set(listed).count == listed.count)
  }

  @Test("shows the real defaults")
  func defaults() throws {
    // Of these the example shows the shape: secrets, what must be set, and a name made at the start.
    let shapes: Set = [
      "POOLHUB_DB_DSN", "POOLHUB_REDIS_URL", "POOLHUB_COORDINATOR_SECRETS", "POOLHUB_SCORER_ID",
      "POOLHUB_COORDINATOR_SHARED_SECRET", "POOLHUB_COORDINATOR_SECRET", "POOLHUB_ADMIN_SECRET",
      "POOLHUB_SESSION_SIGNING_KEYS", "POOLHUB_CURVE_SECRET_KEY", "POOLHUB_CURVE_SCORER_KEYS",
      "POOLHUB_CURVE_GATEWAY_KEYS",
    ]
    let gateway = String(describing: try Environment.gatewaySettings())
    let scorer = String(describing: try Environment.scorerSettings())
    for entry in try Self.entries() where !shapes.contains(entry.key) {
      #expect(entry.isCommentedOut, "\(entry.key) has a default")
      let changes = [entry.key: entry.value]
      #expect(String(describing: try Environment.gatewaySettings(changes)) == gateway, "\(entry)")
      #expect(String(describing: try Environment.scorerSettings(changes)) == scorer, "\(entry)")
    }
  }

  @Test("holds no secret, only placeholders that are commented out")
  func placeholders() throws {
    let secrets = try Self.entries().filter {
      $0.key.contains("SECRET") || $0.key.contains("SIGNING")
    }
    #expect(secrets.count == 6)
    for entry in secrets {
      #expect(entry.isCommentedOut && entry.value.contains("CHANGE-ME"), "\(entry)")
    }
  }

  @Test("does for development once the secrets are filled in")
  func usable() throws {
    var changes: [String: String?] = [:]
    for entry in try Self.entries() where !entry.isCommentedOut { changes[entry.key] = entry.value }
    #expect(Set(changes.keys) == ["POOLHUB_DB_DSN", "POOLHUB_REDIS_URL"])
    _ = try Environment.gatewaySettings(changes)
    _ = try Environment.scorerSettings(changes)
  }
}
