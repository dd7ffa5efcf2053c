import JSON
import TestSupport
import Testing

extension RunningProcesses {
  @Suite("poolhub bench heartbeats") struct HeartbeatBenchTests {
    /// The small form of a restart under thousands: the bound on openings is what keeps them apart.
    @Test("a restarted gateway's miners come back at the pace it sets, matches answered meanwhile")
    func restart() async throws {
      let json = try await Self.run([
        "--restart", "--gateways", "2", "--connections", "600", "--rate", "300",
        "--set", "POOLHUB_WEBSOCKET_OPENS_PER_SEC=150",
      ])
      #expect(json["held"]?.int == 600)
      #expect(json["wrong_values"]?.int == 0)
      let restarts = json["restarts"]?.array ?? []
      #expect(restarts.compactMap { $0["signal"]?.string } == ["SIGTERM", "SIGKILL"])
      for restart in restarts {
        #expect(restart["miners"]?.int == 300)
        #expect(restart["back_s"]?.double ?? 60 < 30)
        // 165 may open within a second; left to themselves all 300 would, or nearly.
        #expect((100..<230).contains(restart["peak_opened_per_s"]?.int ?? 0))
        #expect(restart["matches"]?.int ?? 0 > 50)
        #expect(restart["matches_failed"]?.int == 0)
      }
    }

    @Test("finds every miner's last heartbeat in every scorer, and times matches meanwhile")
    func scorers() async throws {
      let json = try await Self.run([
        "--match", "--scorers", "2", "--connections", "200", "--rate", "400", "--seconds", "1",
        "--http-connections", "0", "--no-floor",
      ])
      #expect(json["held"]?.int == 200)
      #expect(json["dropped"]?.int == 0)
      #expect(json["scorers"]?.int == 2)
      #expect(json["wrong_values"]?.int == 0)
      #expect(json["wrong_holdings"]?.int == 0)
      #expect(json["to_scorer_p99_ms"]?.double ?? 0 > 0)
      #expect(json["match"]?["asked"]?.int ?? 0 > 20)
      #expect(json["match"]?["failed"]?.int == 0)
      for name in ["p50_ms", "p99_ms", "idle_p50_ms", "idle_p99_ms"] {
        #expect(json["match"]?[name]?.double ?? 0 > 0)
      }
    }

    private static func run(_ arguments: [String]) async throws -> JSONValue {
      let run = try await ProgramRun.run(
        "poolhub", ["bench", "heartbeats", "--json"] + arguments, limit: .seconds(120))
      try #require(run.status == 0, "\(run.output)")
      let text = try #require(run.lines.first { $0.hasPrefix("{") })
      return try JSONValue.parse(Array(text.utf8))
    }
  }
}
