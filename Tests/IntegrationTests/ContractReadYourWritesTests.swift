import JSON
import Simulation
import TestSupport
import Testing

extension RunningProcesses.Contract {
  /// A match that is sent to the gateway that has just acknowledged a change sees it. No test here waits
  /// for anything between the two.
  @Suite("A match sees what its gateway has acknowledged") struct ReadYourWrites {
    private static let rounds = 50

    @Test("A new miner, and one that registers again")
    func register() async throws {
      let corner = try Corner("ryw-register")
      for round in 1...Self.rounds {
        try await corner.register("\(round % 10)", #""price_token_per_ksec": \#(round)"#)
        let candidate = try await corner.match().candidate(corner.id("\(round % 10)"))
        #expect(candidate?["price"] == .number("\(round)"))
      }
    }

    @Test("A registration that moves to another region")
    func region() async throws {
      let corner = try Corner("ryw-region")
      for round in 1...Self.rounds {
        let (here, there) = round % 2 == 0 ? ("ryw-region", "ryw-r2") : ("ryw-r2", "ryw-region")
        try await corner.register("1", #""region": "\#(here)""#)
        #expect(try await corner.found(hints: #""region": "\#(here)""#) == ["1"])
        #expect(try await corner.found(hints: #""region": "\#(there)""#) == [])
      }
    }

    @Test("An update of the profile and of what is live")
    func update() async throws {
      let corner = try Corner("ryw-update")
      let miner = try await corner.register("1", #""max_parallel": 1000"#)
      for round in 1...Self.rounds {
        try await miner.update(
          #"""
          "price_token_per_ksec": \#(round), "queue_len": \#(round), "avg_latency_ms": 2,
          "capabilities": ["c\#(round)"], "tags": ["t\#(round)"]
          """#
        ).expectOK()
        let answer = try await corner.match(
          #""capabilities_all": ["c\#(round)"], "tags_all": ["t\#(round)"]"#)
        #expect(answer.bestCandidate?["price"] == .number("\(round)"))
        #expect(answer.bestCandidate?["eta_ms"]?.double == Double(2 * (round + 1)))
      }
    }

    @Test("An update of nothing but what is live, and a heartbeat over HTTP")
    func live() async throws {
      let corner = try Corner("ryw-live")
      let miner = try await corner.register("1", #""max_parallel": 1000"#)
      for round in 1...Self.rounds {
        let fields = #""queue_len": \#(round), "avg_latency_ms": 1"#
        try await (round % 2 == 0 ? miner.update(fields) : miner.beat(fields)).expectOK()
        #expect(try await corner.match().bestCandidate?["eta_ms"]?.double == Double(round + 1))
      }
    }

    @Test("Feedback", .bothWaysIn)
    func feedback() async throws {
      let corner = try Corner("ryw-feedback")
      try await corner.register("1")
      for round in 1...Self.rounds {
        let outcome = round % 3 == 0 ? "failed" : "completed"
        let answer = try await corner.feedback("1", job: "\(WayIn.current)-\(round)", outcome)
        answer.expectOK()
        let trust = try await corner.match().bestCandidate?["trust"]
        #expect(trust == answer.json?["trust_score"])
      }
    }

    @Test("A logout, and the return")
    func logout() async throws {
      let corner = try Corner("ryw-logout")
      for _ in 1...Self.rounds {
        let miner = try await corner.register("1")
        #expect(try await corner.found() == ["1"])
        try await corner.client.logout(token: miner.token).expectOK()
        #expect(try await corner.found() == [])
      }
    }

    @Test("A price override that comes and goes")
    func priceOverride() async throws {
      let corner = try Corner("ryw-override")
      try await corner.register("1", #""price_token_per_ksec": 7.5"#)
      for round in 1...Self.rounds {
        try await corner.setPrice(of: "1", #""price": \#(round), "reason": "r""#).expectOK()
        #expect(try await corner.match().bestCandidate?["price"] == .number("\(round)"))
        try await corner.client.removePriceOverride(of: corner.id("1")).expectOK()
        #expect(try await corner.match().bestCandidate?["price"] == .number("7.5"))
      }
    }

    @Test("All of it, from many at once")
    func concurrent() async throws {
      let corner = try Corner("ryw-many")
      try await withThrowingTaskGroup(of: Void.self) { group in
        for number in 0..<8 {
          group.addTask {
            let seen = try corner.at(gateway: number % 2)
            for round in 1...15 {
              let miner = try await seen.register(
                "\(number)", #""price_token_per_ksec": \#(round), "max_parallel": 99"#)
              try await miner.update(#""queue_len": \#(round), "avg_latency_ms": 1"#).expectOK()
              let trust = try await seen.feedback("\(number)", job: "\(round)", "completed")
                .json?["trust_score"]
              let candidate = try await seen.match().candidate(miner.id)
              #expect(candidate?["price"] == .number("\(round)"))
              #expect(candidate?["eta_ms"]?.double == Double(round + 1))
              #expect(candidate?["trust"] == trust && trust != nil)
            }
          }
        }
        try await group.waitForAll()
      }
    }
  }
}
