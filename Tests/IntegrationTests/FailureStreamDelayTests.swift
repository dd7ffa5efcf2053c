import Glibc
import JSON
import Simulation
import TestSupport
import Testing

extension RunningProcesses {
  /// The scorer takes each change in half a second late.
  @Suite("A scorer that lags", .hub(gateways: 2, set: ["POOLHUB_STREAM_DELAY_MS": "500"]))
  struct FailureStreamDelay {
    @Test("A match right after a registration waits for it, and sees it")
    func waits() async throws {
      let client = try suiteHub().client()
      let start = ContinuousClock.now
      let miner = try await LiveMiner.register("lag-1", capability: "lag", at: client)
      let (answer, duration) = try await timedMatch(client, "lag")
      #expect(answer.candidate(miner.id) != nil, "\(answer.text)")
      #expect(ContinuousClock.now - start >= .milliseconds(500))
      #expect(duration < .seconds(5))
      // What has come once need not be waited for again.
      #expect(try await quickest(client, "lag") < .milliseconds(250))
    }

    @Test("It waits for an update and a feedback, too")
    func waitsForUpdates() async throws {
      let client = try suiteHub().client()
      let miner = try await LiveMiner.register("lag-up-1", capability: "lag-up", at: client)
      let update = Array(#"{"price_token_per_ksec":"0.75","queue_len":5}"#.utf8)
      #expect(try await client.update(update, token: miner.token).status == 200)
      let updated = try await client.match(capability: "lag-up").candidate(miner.id)
      #expect(updated?["price"] == .number("0.75"))
      #expect(updated?["breakdown"]?["load"]?.double == 0.5)
      let feedback = try await client.feedback(job: "lag", miner: miner.id)
      let trust = try #require(feedback.json?["trust_score"]?.double)
      let trusted = try await client.match(capability: "lag-up").candidate(miner.id)
      #expect(trusted?["trust"]?.double == trust)
      #expect(try await client.logout(token: miner.token).status == 200)
      #expect(try await client.online("lag-up") == [])
    }

    @Test("A deadline that is too short for the wait is kept")
    func deadline() async throws {
      let client = try suiteHub().client()
      var quickest = Duration.seconds(60)
      for number in 1...5 {
        _ = try await LiveMiner.register("lag-dl-\(number)", capability: "lag-dl", at: client)
        let (answer, duration) = try await timedMatch(client, "lag-dl", deadlineMilliseconds: 100)
        // A busy machine may ask so late that the change is in.
        if answer.status == 200 { continue }
        answer.expectProblem(503, "deadline_passed", retries: true)
        quickest = min(quickest, duration)
      }
      #expect(quickest < .milliseconds(450))
    }

    @Test("In a batch it is kept for its entry alone")
    func batchDeadline() async throws {
      let client = try suiteHub().client()
      var lateCount = 0
      for number in 1...5 {
        let miner = try await LiveMiner.register(
          "lag-batch-\(number)", capability: "lag-batch", at: client)
        let entries = [("soon", 100), ("later", 5_000)].map { job, deadline in
          """
          {"job_id": "\(job)", "requirements": {"capabilities_any": ["lag-batch"]}, "top_k": 10,
           "hints": {"deadline_ms": \(deadline)}}
          """
        }
        let answer = try await client.matchBatch([entries[0], "7", entries[1]])
        answer.expectOK()
        let results = try #require(answer.json?["results"]?.array)
        #expect(results.map { $0["status"]?.int }.dropFirst() == [422, 200])
        #expect(results.last?["job_id"]?.string == "later")
        let found = results.last?["candidates"]?.array?.map { $0["miner_id"]?.string }
        #expect(found?.contains(miner.id) == true)
        // As above.
        if results[0]["status"]?.int == 200 { continue }
        lateCount += 1
        #expect(results[0]["status"]?.int == 503)
        #expect(results[0]["code"]?.string == "deadline_passed")
      }
      #expect(lateCount > 0)
    }

    @Test("A gateway that has acknowledged nothing waits for nothing")
    func otherGateway() async throws {
      let hub = try suiteHub()
      _ = try await LiveMiner.register("lag-no-1", capability: "lag-no", at: try hub.client())
      #expect(try await quickest(try hub.client(gateway: 1), "lag-no") < .milliseconds(250))
      try await eventually("it sees the miner all the same") {
        try await hub.client(gateway: 1).online("lag-no") == ["lag-no-1"]
      }
    }

    @Test("A gateway that is told to end answers the match that waits")
    func drains() async throws {
      let hub = try suiteHub()
      let client = try hub.client()
      let miner = try await LiveMiner.register("lag-end-1", capability: "lag-end", at: client)
      let pid = try hub.pid(of: "gateway-1")
      async let waiting = client.match(capability: "lag-end")
      try await eventually("the match waits") { try await inFlight(client) >= 1 }
      kill(pid, SIGTERM)
      let answer = try await waiting
      #expect(answer.candidate(miner.id) != nil, "\(answer.text)")
      await eventually("the gateway has ended") { !isRunning(pid) }
      try await hub.waitForHealth("ok", scorers: 1)
    }

    private func timedMatch(
      _ client: HubClient, _ capability: String, deadlineMilliseconds: Int = 5_000
    ) async throws -> (HubAnswer, Duration) {
      let start = ContinuousClock.now
      let answer = try await client.match(
        capability: capability, deadlineMilliseconds: deadlineMilliseconds)
      return (answer, ContinuousClock.now - start)
    }

    /// Of a few, so that a busy machine doesn't count.
    private func quickest(_ client: HubClient, _ capability: String) async throws -> Duration {
      var quickest = Duration.seconds(60)
      for _ in 0..<8 {
        let (answer, duration) = try await timedMatch(client, capability)
        #expect(answer.status == 200, "\(answer.text)")
        quickest = min(quickest, duration)
      }
      return quickest
    }
  }
}
