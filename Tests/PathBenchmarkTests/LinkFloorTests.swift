import Foundation
import PathBenchmark
import Testing

@Suite("ZeroMQ alone") struct LinkFloorTests {
  private let folder = FileManager.default.temporaryDirectory
    .appending(path: "link-\(UUID().uuidString.prefix(8))").path()

  @Test("its round trips take some time, most of them no more than the slowest")
  func measures() async throws {
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(atPath: folder) }
    let floor = try await LinkFloor.start(answerBytes: 1_500, folder: folder, cores: nil)
    defer { floor.stop() }
    let latencies = try await floor.latencies(perSecond: 500, seconds: 1)
    #expect(latencies.p50Milliseconds > 0)
    #expect(latencies.p50Milliseconds <= latencies.p99Milliseconds)
  }

  @Test("nobody there is an error")
  func nobody() async throws {
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(atPath: folder) }
    let floor = try await LinkFloor.start(answerBytes: 1, folder: folder, cores: nil)
    floor.stop()
    await #expect(throws: BenchmarkError.self) {
      try await floor.latencies(perSecond: 10, seconds: 1)
    }
  }
}
