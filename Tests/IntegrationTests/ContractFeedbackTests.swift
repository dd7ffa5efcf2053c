import JSON
import Simulation
import Testing

extension RunningProcesses.Contract {
  @Suite("Feedback", .bothWaysIn) struct Feedback {
    /// Evidence decays by half in 30 days: in a test's time by less than this.
    private static let decay = 1e-5

    /// What was reported by one way in is a duplicate by the other, so each has its own miners.
    private func corner(_ name: String) throws -> Corner {
      try Corner("fb-\(name)-\(WayIn.current)")
    }

    @Test(
      "Each outcome's effect on a new miner",
      arguments: [
        ("completed", 3.0 / 5), ("failed", 2.0 / 5), ("rejected", 2 / 4.25), ("accepted", 0.5),
      ])
    func outcome(_ outcome: String, _ trust: Double) async throws {
      let corner = try corner("\(outcome)")
      let miner = try await corner.register("1")
      let answer = try await corner.feedback(
        "1", job: "j", outcome, #""latency_ms": 812.5, "fail_code": "oom", "tokens_spent": "0.25""#)
      answer.expectOK()
      let json = try #require(answer.json)
      let fields = [
        "status", "duplicate", "miner_id", "trust_score", "previous_trust_score",
        "evidence",
      ]
      #expect(json.object?.members.map(\.name) == fields)
      #expect(json["status"]?.string == "recorded")
      #expect(json["duplicate"] == .bool(false))
      #expect(json["miner_id"]?.string == miner.id)
      #expect(isClose(json["trust_score"]?.double, trust))
      #expect(json["previous_trust_score"]?.double == 0.5)
      #expect(try await miner.status()["trust_score"] == json["trust_score"])
      #expect(try await corner.match().bestCandidate?["trust"] == json["trust_score"])
    }

    @Test("Evidence adds up")
    func sequence() async throws {
      let corner = try corner("sum")
      try await corner.register("1")
      var (good, bad, before) = (0.0, 0.0, 0.5)
      let outcomes = [
        "completed", "accepted", "completed", "failed", "rejected", "rejected", "completed",
        "failed", "accepted", "rejected",
      ]
      for (number, outcome) in outcomes.enumerated() {
        if outcome == "completed" { good += 1 }
        if outcome == "failed" { bad += 1 }
        if outcome == "rejected" { bad += 0.25 }
        let after = (2 + good) / (4 + good + bad)
        let json = try await corner.feedback("1", job: "\(number)", outcome).json
        #expect(isClose(json?["trust_score"]?.double, after, within: Self.decay), "\(number)")
        #expect(
          isClose(json?["previous_trust_score"]?.double, before, within: Self.decay), "\(number)")
        before = after
      }
    }

    @Test("One coordinator's evidence weighs 20 at most")
    func cap() async throws {
      let corner = try corner("cap")
      let miner = try await corner.register("1")
      for number in 1...25 {
        try await corner.feedback("1", job: "\(number)", "completed").expectOK()
      }
      let status = try await miner.status()
      #expect(isClose(status["trust_score"]?.double, 22.0 / 24, within: Self.decay))
      #expect(isClose(status["trust_evidence"]?["good"]?.double, 20, within: 1e-3))
      // One more failure is a 21st part, scaled down with the rest: 400/21 good, 20/21 bad.
      let json = try await corner.feedback("1", job: "last", "failed").json
      let trust = (2 + 400.0 / 21) / 24
      #expect(isClose(json?["trust_score"]?.double, trust, within: Self.decay))
    }

    @Test("The same again is answered as before, counts once, and says duplicate")
    func duplicate() async throws {
      let corner = try corner("dup")
      let miner = try await corner.register("1")
      let first = try #require(try await corner.feedback("1", job: "a", "completed").json)
      try await corner.feedback("1", job: "b", "failed").expectOK()
      let trust = try await miner.status()["trust_score"]
      // On any gateway, and whatever stands beside what names it.
      for gateway in [0, 1, 0] {
        let again = try await corner.at(gateway: gateway).feedback(
          "1", job: "a", "completed", #""latency_ms": \#(gateway)"#)
        again.expectOK()
        #expect(again.json?["duplicate"] == .bool(true))
        #expect(again.json?["trust_score"] == first["trust_score"])
        #expect(again.json?["previous_trust_score"] == first["previous_trust_score"])
      }
      #expect(try await miner.status()["trust_score"] == trust)
    }

    @Test("Another job, outcome or miner is no duplicate")
    func notDuplicate() async throws {
      let corner = try corner("other")
      try await corner.register("1")
      try await corner.register("2")
      for (miner, job, outcome) in [
        ("1", "a", "accepted"), ("1", "a", "completed"), ("1", "b", "completed"),
        ("2", "a", "completed"), ("1", "A", "completed"), ("1", "a", "failed"),
      ] {
        let answer = try await corner.feedback(miner, job: job, outcome)
        #expect(answer.json?["duplicate"] == .bool(false), "\(answer.text)")
      }
    }

    @Test("The same from many at once counts once")
    func concurrentDuplicates() async throws {
      let corner = try corner("race")
      let miner = try await corner.register("1")
      let answers = try await withThrowingTaskGroup(of: HubAnswer.self) { group in
        for number in 0..<20 {
          group.addTask {
            try await corner.at(gateway: number % 2).feedback("1", job: "a", "completed")
          }
        }
        return try await group.reduce(into: [HubAnswer]()) { $0.append($1) }
      }
      #expect(answers.allSatisfy { $0.status == 200 })
      #expect(answers.count { $0.json?["duplicate"] == .bool(false) } == 1)
      #expect(Set(answers.compactMap { $0.json?["trust_score"]?.double }).count == 1)
      #expect(isClose(try await miner.status()["trust_score"]?.double, 0.6, within: Self.decay))
    }

    @Test("Different reports on one miner at once all count")
    func concurrentReports() async throws {
      let corner = try corner("many")
      let miner = try await corner.register("1")
      try await withThrowingTaskGroup(of: Void.self) { group in
        for number in 0..<16 {
          group.addTask {
            try await corner.at(gateway: number % 2).feedback(
              "1", job: "\(number)", number % 4 == 0 ? "failed" : "completed"
            ).expectOK()
          }
        }
        try await group.waitForAll()
      }
      let trust = try await miner.status()["trust_score"]?.double
      #expect(isClose(trust, 14.0 / 20, within: Self.decay))
    }

    @Test("An Idempotency-Key stands for its body")
    func idempotencyKey() async throws {
      let corner = try corner("key")
      let miner = try await corner.register("1")
      let key = "fb-key \(UInt64.random(in: .min ... .max)) ~!"
      let first = try await corner.feedback("1", job: "a", "completed", key: key)
      #expect(first.json?["duplicate"] == .bool(false))
      let again = try await corner.feedback("1", job: "a", "completed", key: key)
      again.expectOK()
      #expect(again.json?["duplicate"] == .bool(true))
      #expect(again.json?["trust_score"] == first.json?["trust_score"])
      for (job, outcome, rest) in [
        ("b", "completed", ""), ("a", "failed", ""), ("a", "completed", #""latency_ms": 1"#),
        ("a", "completed", #""fail_code": "x""#), ("a", "completed", #""tokens_spent": 1"#),
      ] {
        let other = try await corner.feedback("1", job: job, outcome, rest, key: key)
        other.expectProblem(422, "idempotency_key_reused")
      }
      #expect(isClose(try await miner.status()["trust_score"]?.double, 0.6, within: Self.decay))
      // Another key, or none, for the same report: still a duplicate.
      for key in [nil, key + "2"] {
        let answer = try await corner.feedback("1", job: "a", "completed", key: key)
        #expect(answer.json?["duplicate"] == .bool(true))
      }
    }

    @Test("An unknown miner is 404, and its Idempotency-Key is not used up")
    func unknownMiner() async throws {
      let corner = try corner("unknown")
      let key = "fb-unknown-\(UInt64.random(in: .min ... .max))"
      try await corner.feedback("1", job: "a", "completed", key: key)
        .expectProblem(404, "unknown_miner")
      try await corner.register("1")
      let answer = try await corner.feedback("1", job: "a", "completed", key: key)
      answer.expectOK()
      #expect(answer.json?["duplicate"] == .bool(false))
    }

    @Test("Feedback on a miner that is offline counts")
    func offline() async throws {
      let corner = try corner("offline")
      let miner = try await corner.register("1")
      try await corner.client.logout(token: miner.token).expectOK()
      try await corner.feedback("1", job: "a", "completed").expectOK()
      try await corner.register("1")
      let trust = try await corner.match().bestCandidate?["trust"]?.double
      #expect(isClose(trust, 0.6, within: Self.decay))
    }
  }
}
