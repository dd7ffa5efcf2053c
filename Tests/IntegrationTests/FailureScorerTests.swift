import Glibc
import JSON
import Postgres
import Simulation
import TestSupport
import Testing

extension RunningProcesses {
  @Suite("Scorers that go away", .hub(scorers: 2)) struct FailureScorers {
    @Test("No match fails when a scorer is killed, and it is started again")
    func killed() async throws {
      try await expectNoFailedMatch("sc-kill") { hub in
        try await hub.restart("scorer-1", by: SIGKILL)
        try await hub.waitForHealth("ok", scorers: 2)
      }
    }

    @Test("No match fails when a scorer is told to end, and it ends well")
    func ended() async throws {
      try await expectNoFailedMatch("sc-term") { hub in
        try await hub.restart("scorer-2", by: SIGTERM)
        try await hub.waitForHealth("ok", scorers: 2)
      }
      let hub = try suiteHub()
      #expect(hub.log().contains("scorer-2 ended with status 0"))
      // It said goodbye, so nobody had to find out.
      #expect(hub.log(of: "gateway-1").contains("scorer draining"))
    }

    @Test("With every scorer stopped, matches are refused by their deadline and health says so")
    func allStopped() async throws {
      let hub = try suiteHub()
      let client = try hub.client()
      let miner = try await LiveMiner.register("sc-all-1", capability: "sc-all", at: client)
      try await hub.whileStopped("scorer-1", "scorer-2") {
        for code in ["deadline_passed", "no_scorer"] {
          let start = ContinuousClock.now
          let answer = try await client.match(capability: "sc-all", deadlineMilliseconds: 1_000)
          let duration = ContinuousClock.now - start
          #expect(answer.status == 503)
          #expect(answer.header("Retry-After").flatMap { Int($0) } ?? 0 > 0)
          // The first was with a scorer when that fell silent; later ones find none.
          answer.expectProblem(503, code, retries: true)
          #expect(duration < .seconds(3))
        }
        try await hub.waitForHealth("unavailable", scorers: 0, within: .seconds(3))
        let health = try await client.health()
        #expect(health.status == 503)
        #expect(health.json?["miners_online"] == .null)
        #expect(health.json?["miners_error"]?.string != nil)
        #expect(try await client.request("GET", "/v1/live").status == 200)
      }
      try await hub.waitForHealth("ok", scorers: 2)
      #expect(try await client.online("sc-all") == [miner.id])
    }

    @Test("Feedback counts once, though the scorer that takes it is killed")
    func feedback() async throws {
      let hub = try suiteHub()
      let client = try hub.client()
      let miner = try await LiveMiner.register("sc-fb-1", capability: "sc-fb", at: client)
      let jobs = (0..<60).map { "sc-fb-job-\($0)" }
      let acknowledged = Tally()
      try await withThrowingTaskGroup(of: Void.self) { group in
        for worker in 0..<4 {
          group.addTask {
            for job in jobs.enumerated().filter({ $0.offset % 4 == worker }).map(\.element) {
              try await eventually("\(job) is acknowledged") {
                try await client.feedback(job: job, miner: miner.id).status == 200
              }
              acknowledged.count()
            }
          }
        }
        await eventually("feedback flows") { acknowledged.total >= 8 }
        try await hub.restart("scorer-1", by: SIGKILL)
        try await group.waitForAll()
      }
      #expect(acknowledged.total == jobs.count)
      try await hub.waitForHealth("ok", scorers: 2)

      let state = try #require(try hub.state())
      let stored = try await storedFeedback(of: miner.id, dsn: state.databaseDSN)
      #expect(stored.count == jobs.count)
      let shown = try await trustOnEachScorer(of: miner.id, capability: "sc-fb", in: hub)
      #expect(shown == [stored.trust, stored.trust])
      // One coordinator's word counts for 20 at most: (2 + 20) / (4 + 20).
      #expect(abs(stored.trust - 22.0 / 24) < 0.001)
    }

    private func expectNoFailedMatch(
      _ capability: String, while body: (RunningHub) async throws -> Void
    ) async throws {
      let hub = try suiteHub()
      let client = try hub.client()
      let miners = try await LiveMiner.register(4, capability: capability, at: client)
      let tally = try await whileMatching(
        client, capability: capability, expecting: miners.map(\.id)
      ) {
        try await body(hub)
      }
      #expect(tally.faults == [])
      #expect(tally.good > 20)
    }

    private func storedFeedback(
      of miner: String, dsn: String
    ) async throws -> (count: Int, trust: Double) {
      let pool = PostgresPool(dsn: dsn)
      let (count, trust) = try await pool.run { connection in
        let rows = try connection.execute(
          "SELECT count(*) FROM poolhub.feedback WHERE miner_id = $1", [.text(miner)])
        let totals = try connection.execute(
          "SELECT score FROM poolhub.trust_totals WHERE miner_id = $1", [.text(miner)])
        return (try rows.first?.int(0) ?? -1, try totals.first?.double(0) ?? -1)
      }
      await pool.close()
      return (Int(count), trust)
    }
  }
}

/// A miner's trust as scorer 1 and scorer 2 show it; -1 from one that doesn't know the miner.
func trustOnEachScorer(
  of miner: String, capability: String, in hub: RunningHub
) async throws -> [Double] {
  var shown: [Double] = []
  for (own, other) in [(1, "scorer-2"), (2, "scorer-1")] {
    let trust = try await hub.whileStopped(other) {
      try await hub.waitForHealth("ok", scorers: 1)
      let answer = try await hub.client().match(capability: capability)
      #expect(answer.status == 200, "scorer-\(own): \(answer.text)")
      return answer.candidate(miner)?["trust"]?.double ?? -1
    }
    shown.append(trust)
    try await hub.waitForHealth("ok", scorers: 2)
  }
  return shown
}
