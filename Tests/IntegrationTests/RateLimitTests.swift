import Simulation
import TestSupport
import Testing

extension RunningProcesses {
  @Suite("Rate limits over several gateways") struct RateLimits {
    /// A burst of two, so that who asks a little late, as on a busy machine, loses nothing of its rate.
    private static let limit = ["POOLHUB_LIMIT_MATCH": "10/s burst \(Int(burst))"]
    private static let burst = 2.0
    /// What a limit lets through above itself, for each gateway but the first: a burst, what comes between two
    /// settlings, and one under way.
    private static let excess = burst + 1.5

    @Test("50 matches a second against 10: 10 ± 1 at one gateway; Redis going changes nothing")
    func one() async throws {
      try await OwnFleet.with { fleet in
        try await fleet.startScorer()
        let client = try await fleet.startGateway(1, Self.limit)
        try await Self.waitForScorer(client)
        let together = try await Self.ask([client], perSecond: 50, seconds: 4)
        #expect(together.isWithin(perSecond: 10, above: Self.burst + 1), "\(together)")
        let answer = try await client.match(#"{"job_id": "j"}"#)
        #expect([200, 429].contains(answer.status))
        #expect(answer.header("RateLimit-Policy") == #""match";q=10;w=1"#)
        #expect(answer.header("RateLimit")?.hasPrefix(#""match";r="#) == true)
        await fleet.redis.stop()
        try await eventually("it goes on alone") {
          _ = try await client.match(#"{"job_id": "j"}"#)
          return try await client.metric("poolhub_rate_limit_alone") == 1
        }
        let alone = try await Self.ask([client], perSecond: 50, seconds: 3)
        #expect(alone.isWithin(perSecond: 10, above: Self.burst + 1), "\(alone)")
        try await fleet.redis.start()
        try await eventually("and together again") {
          _ = try await client.match(#"{"job_id": "j"}"#)
          return try await client.metric("poolhub_rate_limit_alone") == 0
        }
      }
    }

    @Test("The same at two gateways within the stated error; without Redis each grants its share")
    func two() async throws {
      try await OwnFleet.with { fleet in
        try await fleet.startScorer(1, ["POOLHUB_GATEWAYS": "\(fleet.link(1)),\(fleet.link(2))"])
        let clients = [
          try await fleet.startGateway(1, Self.limit), try await fleet.startGateway(2, Self.limit),
        ]
        for client in clients { try await Self.waitForScorer(client) }
        try await eventually("they know of each other") {
          try await clients[0].request("GET", "/v1/health").text.contains("gateway-2")
        }
        let seconds = 6
        let together = try await Self.ask(clients, perSecond: 25, seconds: seconds)
        let most = Self.burst + Self.excess
        #expect(together.isWithin(perSecond: 10, above: most), "\(together)")
        // Redis is killed midway: until they notice, each grants as it knew.
        await fleet.redis.stop()
        let after = try await Self.ask(clients, perSecond: 25, seconds: seconds)
        #expect(after.isWithin(perSecond: 10, above: most + 10, share: 0.8), "\(after)")
        for client in clients { #expect(try await client.metric("poolhub_rate_limit_alone") == 1) }
        let alone = try await Self.ask(clients, perSecond: 25, seconds: seconds)
        #expect(alone.isWithin(perSecond: 10, above: most), "\(alone)")
      }
    }

    @Test("Registrations, heartbeats, feedback and wrong secrets have limits of their own")
    func others() async throws {
      try await OwnFleet.with { fleet in
        try await fleet.startScorer()
        let client = try await fleet.startGateway(
          1,
          [
            "POOLHUB_LIMIT_REGISTER_ADDRESS": "1/h burst 4",
            "POOLHUB_LIMIT_REGISTER_MINER": "1/h burst 2", "POOLHUB_LIMIT_HEARTBEAT": "1/h burst 3",
            "POOLHUB_LIMIT_FEEDBACK": "1/h burst 1", "POOLHUB_LIMIT_SIGN_IN": "1/h burst 3",
            "POOLHUB_TRUSTED_PROXIES": "127.0.0.1",
          ])
        func register(_ key: String, from address: String) async throws -> HubAnswer {
          try await client.request(
            "POST", "/v1/miners/register", headers: [("X-Forwarded-For", address)],
            text: #"{"miner_id": "m", "api_key": "\#(key)"}"#)
        }
        let key = "key-of-m-0123456789"
        let first = try await register(key, from: "203.0.113.1")
        #expect(first.status == 200)
        let token = try #require(first.json?["session_token"]?.string)
        // Others' attempts take nothing from the miner, and end by their own address's limit.
        var statuses: [Int] = []
        for _ in 0..<6 {
          statuses.append(try await register("not-the-key-of-m-1", from: "203.0.113.2").status)
        }
        #expect(statuses == [403, 403, 403, 429, 429, 429])
        #expect(try await register(key, from: "203.0.113.3").status == 200)
        try await Self.expectLimited(register(key, from: "203.0.113.3"), "register_miner")
        for _ in 0..<2 { _ = try await register(key, from: "203.0.113.3") }
        try await Self.expectLimited(register(key, from: "203.0.113.3"), "register_address")

        for _ in 0..<3 {
          #expect(try await client.renewLease(token: token).status == 200)
        }
        try await Self.expectLimited(
          client.request("POST", "/v1/miners/heartbeat", bearer: token, text: #"{"queue_len": 0}"#),
          "heartbeat")

        // Who tries out secrets isn't told any more whether one is right; a token still works.
        func look(_ secret: String, from address: String) async throws -> Int {
          try await client.request(
            "GET", "/v1/miners", bearer: secret, headers: [("X-Forwarded-For", address)]
          ).status
        }
        var guesses: [Int] = []
        for number in 0..<5 {
          guesses.append(try await look("guess-number-\(number)", from: "203.0.113.4"))
        }
        #expect(guesses == [401, 401, 401, 429, 429])
        #expect(try await look(OwnFleet.adminSecret, from: "203.0.113.4") == 429)
        #expect(try await look(OwnFleet.adminSecret, from: "203.0.113.5") == 200)
        let status = try await client.request(
          "GET", "/v1/miners/status", bearer: token,
          headers: [("X-Forwarded-For", "203.0.113.4")])
        #expect(status.status == 200)
        let match = try await client.request(
          "POST", "/v1/match", bearer: OwnFleet.coordinatorSecret,
          headers: [("X-Forwarded-For", "203.0.113.4")], text: #"{"job_id": "j"}"#)
        #expect(match.status == 429)
      }
    }

    private static func expectLimited(_ answer: HubAnswer, _ limit: String) {
      answer.expectProblem(429, "rate_limited", retries: true)
      #expect(answer.header("RateLimit")?.hasPrefix("\"\(limit)\";r=0;t=") == true, "\(answer)")
      #expect(answer.header("RateLimit-Policy")?.hasPrefix("\"\(limit)\";q=") == true)
    }

    private static func waitForScorer(_ client: HubClient) async throws {
      await eventually("a scorer is there") {
        (try? await client.request("GET", "/v1/health"))?.status == 200
      }
    }

    /// What was granted of what was asked over some seconds, and how long the last answer took to come.
    private struct Asked {
      let seconds: Int
      let granted: Int
      let elapsed: Duration

      /// Whether as many were granted as a limit lets through, no matter how late a busy machine answers.
      ///
      /// - Parameter share: of what the limit is, the least that has to be granted.
      func isWithin(perSecond rate: Double, above: Double, share: Double = 0.9) -> Bool {
        Double(granted) <= rate * (elapsed / .seconds(1)) + above
          && Double(granted) >= share * rate * Double(seconds)
      }
    }

    /// Asks each of them in step with the clock, however long answers take.
    private static func ask(
      _ clients: [HubClient], perSecond: Int, seconds: Int
    ) async throws -> Asked {
      let start = ContinuousClock.now
      let granted = await withTaskGroup(of: Bool.self) { group in
        for number in 0..<(perSecond * seconds) {
          for client in clients {
            group.addTask {
              try? await Task.sleep(
                until: start + .milliseconds(number * 1_000 / perSecond), clock: .continuous)
              return (try? await client.match(#"{"job_id": "j"}"#))?.status == 200
            }
          }
        }
        return await group.reduce(0) { $0 + ($1 ? 1 : 0) }
      }
      return Asked(seconds: seconds, granted: granted, elapsed: .now - start)
    }
  }
}

extension HubClient {
  fileprivate func match(_ body: String) async throws -> HubAnswer {
    try await request("POST", "/v1/match", bearer: coordinatorSecret, text: body)
  }

  fileprivate func metric(_ name: String) async throws -> Double? {
    PrometheusText(try await request("GET", "/metrics").text).total(name)
  }
}
