import Fleet
import Foundation
import JSON
import TestSupport
import Testing

@Suite("poolhub bench index") struct CommandTests {
  static let classes = ["typical", "rare", "broad", "scarce", "top50"]

  @Test("prints as JSON exactly what is promised, and no difference", .timeLimit(.minutes(2)))
  func json() async throws {
    let output = try await run("--miners", "2000", "--seconds", "1", "--json")
    let json = try JSONValue.parse(Array(output.utf8))
    #expect(
      names(json) == [
        "miners", "classes", "under_updates", "bytes_per_miner", "build_s", "processes",
      ])
    #expect(json["miners"]?.int == 2_000)
    #expect(names(json["classes"]) == Self.classes)
    for name in Self.classes {
      let result = json["classes"]?[name]
      #expect(
        names(result) == [
          "p50_us", "p99_us", "max_us", "matches_per_s", "plain_p50_us", "mask_p50_us",
          "differences",
        ])
      #expect(result?["differences"]?.int == 0)
      #expect(result?["p50_us"]?.double ?? 0 > 0)
      #expect(result?["plain_p50_us"]?.double ?? 0 > 0)
    }
    #expect(names(json["under_updates"]) == ["per_s", "ns", "typical_p99_us"])
    #expect(names(json["processes"]) == ["1", "2"])
    #expect(json["processes"]?["2"]?.double ?? 0 > 0)
  }

  @Test("gets PostgreSQL's answers to be the same", .timeLimit(.minutes(2)))
  func postgres() async throws {
    let output = try await run(
      "--miners", "1500", "--seconds", "1", "--processes", "1", "--json", "--against", "postgres")
    let json = try JSONValue.parse(Array(output.utf8))
    #expect(names(json["postgres"]) == Self.classes)
    for name in Self.classes {
      #expect(json["postgres"]?[name]?["differences"]?.int == 0)
      #expect(json["postgres"]?[name]?["p50_us"]?.double ?? 0 > 0)
    }
  }

  @Test("says what is wrong with an option")
  func badOption() async throws {
    await #expect(throws: Failed.self) { _ = try await run("--miners", "0") }
  }

  struct Failed: Error { var output: String }

  private func names(_ json: JSONValue?) -> [String] { json?.object?.members.map(\.name) ?? [] }

  /// What the command printed; it has to end well.
  private func run(_ arguments: String...) async throws -> String {
    let path = FileManager.default.temporaryDirectory.path + "/bench-\(UUID().uuidString)"
    defer { try? FileManager.default.removeItem(atPath: path) }
    let child = try await ChildProcess.start(
      executable: Binaries.path("poolhub"), arguments: ["bench", "index"] + arguments,
      output: .file(path))
    let status = await child.waitForExit()
    let output = try String(contentsOfFile: path, encoding: .utf8)
    if status != 0 { throw Failed(output: output) }
    return output
  }
}
