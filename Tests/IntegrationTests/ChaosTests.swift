import JSON
import TestSupport
import Testing

extension RunningProcesses {
  @Suite("A fleet that is broken under load") struct ChaosRuns {
    /// The short form of `make chaos`: each kind of process has its turn a few times.
    @Test("loses nothing, doubles nothing, and its scorers agree")
    func shortRun() async throws {
      let run = try await ProgramRun.run(
        "poolhub",
        ["chaos", "--seed", "4", "--seconds", "20", "--scorers", "3", "--miners", "100"]
          + ["--match-rate", "40", "--longest-fault", "1500", "--json"], limit: .seconds(180))
      try #require(run.status == 0, "\(run.output)")
      let text = try #require(run.lines.first { $0.hasPrefix("{") })
      let json = try JSONValue.parse(Array(text.utf8))
      #expect(json["seed"]?.int == 4)
      #expect(json["matches"]?["failed"]?.int == 0)
      #expect(json["feedback"]?["lost"]?.int == 0)
      #expect(json["feedback"]?["doubled"]?.int == 0)
      #expect(json["registrations"]?["lost"]?.int == 0)
      #expect(json["trust_differences"]?.int == 0)
      #expect(json["scorer_differences"]?.int == 0)
      #expect(json["stale_candidates"]?.int == 0)
      // None of which says anything where nothing happened.
      #expect(json["matches"]?["answered"]?.int ?? 0 > 300)
      #expect(json["feedback"]?["acknowledged"]?.int ?? 0 > 100)
      #expect(json["registrations"]?["acknowledged"]?.int ?? 0 > 150)
      let faults = try #require(json["recovery_ms"]?.object).members.map(\.name)
      for victim in ["scorer", "gateway", "redis", "postgres"] {
        #expect(faults.contains { $0.hasPrefix(victim) })
      }
    }

    @Test("says in one line what is wrong with its options")
    func options() async throws {
      for arguments in [["--gateways", "0"], ["--seconds", "0"], ["--data", "/proc/none"]] {
        let run = try await ProgramRun.run("poolhub", ["chaos"] + arguments)
        #expect(run.status != 0)
        #expect(run.output.contains("Error: "))
      }
    }
  }
}
