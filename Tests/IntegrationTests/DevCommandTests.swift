import Fleet
import Glibc
import JSON
import TestSupport
import Testing

extension RunningProcesses {
  @Suite("The tool's commands against a running hub", .hub(scorers: 2)) struct DevCommands {
    @Test("seed, miners, match and status show one and the same pool")
    func pool() async throws {
      let seeded = try await tool("seed", "--miners", "40", "--seed", "7")
      #expect(seeded.status == 0)
      #expect(seeded.lines.last == "40 miners are registered, 40 of them new")
      let again = try await tool("seed", "--miners", "40", "--seed", "7")
      #expect(again.lines.last == "40 miners are registered, 0 of them new")

      let listed = try await tool("miners", "--limit", "0", "--query", "mock-7-")
      #expect(listed.status == 0)
      #expect(listed.lines.count { $0.hasPrefix("mock-7-") } == 40)
      #expect(listed.lines.last == "40 miners")
      let few = try await tool("miners", "--limit", "3", "--online", "true")
      #expect(few.lines.count { $0.hasPrefix("mock-7-") } == 3)
      #expect(few.lines.last == "3 miners, and more: --limit 0 lists them all")

      let matched = try await tool("match", "--top-k", "4", "--explain")
      #expect(matched.status == 0)
      #expect(matched.lines.count { $0.hasPrefix("mock-7-") } == 4)
      #expect(matched.output.contains("40 considered"))
      let nobody = try await tool("match", "--capability", "nobody-has-this")
      #expect(nobody.status == 0)
      #expect(nobody.lines.first == "no candidate")
      #expect(nobody.output.contains("capability"))

      try await eventually("status counts them") {
        let status = try await tool("status")
        return status.status == 0 && status.output.contains(" ok ")
          && status.lines.contains { $0.hasPrefix("http://127.0.0.1:") && $0.contains(" 40 ") }
          && status.lines.contains { $0.hasPrefix("scorer-2 ") }
          && status.lines.contains { line in
            let words = line.split(separator: " ")
            return words.starts(with: ["gateway-1", "scorer-2", "ready"]) && words.last == "40"
          }
      }
    }

    @Test("status exits with 1 when something is wrong, and says what")
    func unavailable() async throws {
      let hub = try suiteHub()
      try await hub.whileStopped("scorer-1", "scorer-2") {
        try await hub.waitForHealth("unavailable", scorers: 0)
        let run = try await tool("status")
        #expect(run.status == 1)
        #expect(run.output.contains("unavailable"))
        let match = try await tool("match")
        #expect(match.status == 1)
        #expect(match.lines.count == 1, "\(match.output)")
        #expect(match.output.hasPrefix("Error: match: the hub answered 503 "))
      }
      try await hub.waitForHealth("ok", scorers: 2)
    }

    @Test("migrate finds nothing left to do, and says what it cannot reach")
    func migrate() async throws {
      let state = try #require(try suiteHub().state())
      let done = try await ProgramRun.run("poolhub", ["migrate", "--dsn", state.databaseDSN])
      #expect(done.status == 0)
      #expect(done.lines == ["the schema is up to date"])
      let byEnvironment = try await ProgramRun.run(
        "poolhub", ["migrate"], environment: ["POOLHUB_DB_DSN": state.databaseDSN])
      #expect(byEnvironment.lines == ["the schema is up to date"])
      for arguments in [["migrate"], ["migrate", "--dsn", "host=/nowhere password=hush"]] {
        let run = try await ProgramRun.run("poolhub", arguments)
        #expect(run.status == 1)
        #expect(run.lines.count == 1, "\(run.output)")
        #expect(!run.output.contains("hush"))
      }
    }

    @Test("simulate runs for as long as it is told, and sums up")
    func simulate() async throws {
      let run = try await tool(
        "simulate", "--miners", "5", "--seed", "3", "--seconds", "3", "--match-rate", "20")
      #expect(run.status == 0, "\(run.output)")
      #expect(count(of: "registrations", in: run) == 5)
      #expect(count(of: "heartbeats", in: run) ?? 0 >= 5)
      #expect(count(of: "matches", in: run) ?? 0 >= 10)
      #expect(count(of: "failed matches", in: run) == 0)
      #expect(count(of: "failed feedbacks", in: run) == 0)
    }

    @Test(
      "With no hub at the URL a command ends with 1 and one line",
      arguments: [
        ["match"], ["miners"], ["seed", "--miners", "1"],
      ])
    func noHub(command: [String]) async throws {
      let port = try FreePort.choose()
      let run = try await ProgramRun.run(
        "poolhub",
        command + [
          "--url", "http://127.0.0.1:\(port)", "--coordinator-secret", "hush-hush-hush",
          "--admin-secret", "hush-hush-hush",
        ])
      #expect(run.status == 1)
      #expect(
        run.lines == ["Error: http://127.0.0.1:\(port) gave no answer: connection refused"])
    }

    @Test(
      "What a command was not told, or told badly, it says in one line",
      arguments: [
        (["match"], 1, "no coordinator secret"), (["miners"], 1, "no operator secret"),
        (["match", "--url", "nowhere"], 64, "'nowhere' is not a URL"),
        (["match", "--top-k", "51"], 64, "--top-k must be 1 to 50"),
        (["match", "--max-price", "cheap"], 64, "--max-price 'cheap' is not a price"),
        (["dev", "--set", "lower=1"], 64, "is not KEY=VALUE"),
        (["simulate", "--seconds", "0"], 64, "must be above 0"),
      ] as [([String], Int32, String)])
    func badArguments(arguments: [String], status: Int32, words: String) async throws {
      let run = try await ProgramRun.run("poolhub", arguments)
      #expect(run.status == status, "\(run.output)")
      #expect(run.lines.first?.contains(words) == true, "\(run.output)")
      #expect(run.lines.first?.hasPrefix("Error: ") == true)
    }

    @Test("status with no hub at the URL says so and exits with 1")
    func statusWithoutHub() async throws {
      let port = try FreePort.choose()
      let run = try await ProgramRun.run(
        "poolhub", ["status", "--url", "http://127.0.0.1:\(port)"])
      #expect(run.status == 1)
      #expect(run.output.contains("connection refused"))
    }

    /// Runs it as somebody would who sits beside the hub's folder.
    private func tool(_ command: String, _ arguments: String...) async throws -> ProgramRun {
      try await ProgramRun.run(
        "poolhub", [command] + arguments + ["--data", try suiteHub().directory])
    }

    /// The number in the summary's line of this name.
    private func count(of what: String, in run: ProgramRun) -> Int? {
      let line = run.lines.last { $0.hasPrefix(what + " ") }
      return line?.dropFirst(what.count).split(separator: " ").first
        .flatMap { Int($0.filter { $0.isNumber }) }
    }
  }
}
