import JSON
import Simulation
import TestSupport
import Testing

extension RunningProcesses {
  @Suite(
    "Stores that stop answering", .hub(scorers: 2, set: ["POOLHUB_LEASE_TTL_SEC": "2"]))
  struct FailureStores {
    @Test("A thousand matches succeed with Redis and PostgreSQL both stopped")
    func thousandMatches() async throws {
      let hub = try suiteHub()
      let client = try hub.client()
      let miners = try await LiveMiner.register(5, capability: "st-both", at: client)
      let names = miners.map(\.id)
      try await whileSpeaking(miners) {
        try await hub.whileStopped("redis", "postgres") {
          let faults = try await Self.match(1_000, client, "st-both", names)
          #expect(faults == [])
          try await hub.waitForHealth("degraded", scorers: 2)
          try await eventually("both are known to be away", within: .seconds(5)) {
            let health = try await client.health().json
            return health?["db"]?.bool == false && health?["redis"]?.bool == false
          }
          let health = try #require(try await client.health().json)
          #expect(health["db_error"]?.string != nil)
          #expect(health["redis_error"]?.string != nil)
          #expect(try await Self.match(50, client, "st-both", names) == [])
        }
        // Nor do any fail while both come back.
        let tally = try await whileMatching(client, capability: "st-both", expecting: names) {
          try await hub.waitForHealth("ok", scorers: 2)
        }
        #expect(tally.faults == [])
      }
    }

    @Test("While PostgreSQL is stopped, what must last is refused in bounded time")
    func databaseStopped() async throws {
      let hub = try suiteHub()
      let client = try hub.client()
      let miner = try await LiveMiner.register("st-db-1", capability: "st-db", at: client)
      try await whileSpeaking([miner]) {
        try await hub.whileStopped("postgres") {
          for round in 1...2 {
            // The first to notice waits for the statement's limit, the others don't wait.
            async let registered = Self.timed {
              try await client.register(Self.registration("st-db-2"))
            }
            async let fedBack = Self.timed {
              try await client.feedback(job: "lost-\(round)", miner: miner.id)
            }
            for (answer, duration) in [try await registered, try await fedBack] {
              answer.expectProblem(503, "store_unavailable", retries: true)
              #expect(duration < (round == 1 ? .seconds(9) : .seconds(5)))
            }
          }
          try await hub.waitForHealth("degraded", scorers: 2)
          let health = try #require(try await client.health().json)
          #expect(health["db"]?.bool == false)
          #expect(health["redis"]?.bool == true)
          let priced = Array(#"{"price_token_per_ksec":2}"#.utf8)
          try await client.update(priced, token: miner.token)
            .expectProblem(503, "store_unavailable", retries: true)
          let stranger = await #expect(throws: WebSocketClient.UpgradeRefused.self) {
            _ = try await WebSocketClient.connect(
              url: client.baseURL + "/v1/miners/heartbeat",
              headers: [("Authorization", "Bearer nobody-knows-this-key")])
          }
          stranger?.answer.expectProblem(503, "store_unavailable", retries: true)
          // What need not last goes on.
          #expect(try await client.update(Array("{}".utf8), token: miner.token).status == 200)
          #expect(try await miner.heartbeat(["queue_len": .int(3)]).status == 200)
          #expect(try await client.renewLease(token: miner.token).status == 200)
          #expect(try await client.online("st-db") == [miner.id])
        }
        #expect(
          try await client.match(capability: "st-db").candidate(miner.id)?["price"]
            == .number("0.5"))
        try await eventually("it registers again") {
          try await client.register(Self.registration("st-db-2")).status == 200
        }
        try await eventually("feedback is recorded again") {
          try await client.feedback(job: "found", miner: miner.id).status == 200
        }
        try await hub.waitForHealth("ok", scorers: 2)
      }
    }

    @Test("While Redis is stopped, miners are served, and all of it shows afterwards")
    func redisStopped() async throws {
      let hub = try suiteHub()
      let client = try hub.client()
      let miners = try await LiveMiner.register(2, capability: "st-redis", at: client)
      let socket = try await miners[1].connect()
      try await socket.beat(1)
      try await hub.whileStopped("redis") {
        for sequence in 2..<6 { try await socket.beat(sequence, ["queue_len": .int(sequence)]) }
        let update = JSONWriter.bytes(
          of: .members(["price_token_per_ksec": .number("0.25"), "queue_len": .int(2)]))
        let calls: [(String, () async throws -> HubAnswer)] = [
          ("update", { try await client.update(update, token: miners[0].token) }),
          ("renew", { try await client.renewLease(token: miners[0].token) }),
          ("heartbeat", { try await miners[0].heartbeat(["queue_len": .int(3)]) }),
          ("register", { try await client.register(Self.registration("st-redis-3", "st-redis")) }),
          ("feedback", { try await client.feedback(job: "r", miner: miners[0].id) }),
        ]
        for (what, call) in calls {
          let (answer, duration) = try await Self.timed(call)
          #expect(answer.status == 200, "\(what): \(answer.text)")
          #expect(duration < .seconds(4), "\(what)")
        }
        try await hub.waitForHealth("degraded", scorers: 2)
        #expect(try await client.health().json?["redis"]?.bool == false)
        #expect(try await client.online("st-redis") == miners.map(\.id))
      }
      try await eventually("both scorers show all of it") {
        try await Self.holdsOnEachScorer(client) { answer in
          let first = answer.candidate(miners[0].id)
          return first?["price"] == .number("0.25") && first?["breakdown"]?["load"]?.double == 0.7
            && first?["trust"]?.double == 0.6 && answer.candidate("st-redis-3") != nil
            && answer.load(of: miners[1].id) == 0.5
        }
      }
      try await hub.waitForHealth("ok", scorers: 2)
      await socket.close()
    }

    @Test("Leases stand still while the change stream is out of reach, and end afterwards")
    func leases() async throws {
      let hub = try suiteHub()
      let client = try hub.client()
      let speaking = try await LiveMiner.register(3, capability: "st-le", at: client)
      try await whileSpeaking(speaking) {
        let silent = try await LiveMiner.register("st-le-silent", capability: "st-le", at: client)
        let all = speaking.map(\.id) + [silent.id]
        try await hub.whileStopped("redis") {
          // More than two leases long.
          let tally = try await whileMatching(
            client, capability: "st-le", expecting: all, workers: 2
          ) {
            try await Task.sleep(for: .seconds(5))
          }
          #expect(tally.faults == [])
          #expect(tally.good > 0)
        }
        try await eventually("the silent one is offline, and only that one") {
          let found = try #require(try await client.online("st-le"))
          for miner in speaking { #expect(found.contains(miner.id)) }
          return !found.contains(silent.id)
        }
      }
      try await eventually("the others are offline, too") {
        try await client.online("st-le") == []
      }
    }

    /// - Returns: what went wrong.
    private static func match(
      _ count: Int, _ client: HubClient, _ capability: String, _ expected: [String]
    ) async throws -> [String] {
      try await withThrowingTaskGroup(of: [String].self) { group in
        for worker in 0..<8 {
          group.addTask {
            var faults: [String] = []
            for _ in stride(from: worker, to: count, by: 8) {
              if let fault = await matchFault(client, capability, expected) {
                faults.append(fault)
              }
            }
            return faults
          }
        }
        return try await group.reduce(into: []) { $0 += $1 }
      }
    }

    /// Asks many at once, so that no scorer is left out.
    private static func holdsOnEachScorer(
      _ client: HubClient, _ holds: @Sendable @escaping (HubAnswer) -> Bool
    ) async throws -> Bool {
      try await withThrowingTaskGroup(of: Bool.self) { group in
        for _ in 0..<12 {
          group.addTask { holds(try await client.match(capability: "st-redis")) }
        }
        return try await group.reduce(true) { $0 && $1 }
      }
    }

    private static func registration(_ id: String, _ capability: String = "none") -> [UInt8] {
      JSONWriter.bytes(
        of: .members([
          "miner_id": .string(id), "api_key": .string("a-key-of-\(id)-0123"),
          "capabilities": .strings(capability),
        ]))
    }

    private static func timed(
      _ call: () async throws -> HubAnswer
    ) async throws -> (HubAnswer, Duration) {
      let start = ContinuousClock.now
      return (try await call(), ContinuousClock.now - start)
    }
  }
}
