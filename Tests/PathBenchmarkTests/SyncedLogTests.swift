import Foundation
import PathBenchmark
import Testing

@Suite("The floor of what is on disk before it is answered") struct SyncedLogTests {
  private let path = FileManager.default.temporaryDirectory
    .appending(path: "synced-log-\(UUID().uuidString)").path()

  @Test("Each record waits for its sync, and for the pause before it")
  func latencies() async throws {
    let result = try await SyncedLog.run(path: path, perSecond: 10_000, seconds: 0.3)
    #expect(result.p50Milliseconds > 0 && result.p50Milliseconds <= result.p99Milliseconds)
    // One that comes just after a sync waits for the next.
    #expect(result.p99Milliseconds >= 9)
    #expect(!FileManager.default.fileExists(atPath: path))
  }

  @Test("A file that is there already stays as it is")
  func existing() async throws {
    try Data("mine".utf8).write(to: URL(filePath: path))
    defer { try? FileManager.default.removeItem(atPath: path) }
    await #expect(throws: (any Error).self) {
      try await SyncedLog.run(path: path, perSecond: 10, seconds: 0.1)
    }
    #expect(try String(contentsOfFile: path, encoding: .utf8) == "mine")
  }
}
