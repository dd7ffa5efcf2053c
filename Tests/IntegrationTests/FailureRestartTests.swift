import Glibc
import JSON
import Redis
import Simulation
import TestSupport
import Testing

extension RunningProcesses {
  @Suite(
    "Stores that lose their memory or their life",
    .hub(scorers: 2, set: ["POOLHUB_LEASE_TTL_SEC": "6"]))
  struct FailureRestarts {
    @Test("Redis flushed under running miners: matches go on, and a new scorer knows them soon")
    func flushed() async throws {
      let hub = try suiteHub()
      let client = try hub.client()
      let miners = try await LiveMiner.register(4, capability: "re-flush", at: client)
      let names = miners.map(\.id)
      try await whileSpeaking(miners) {
        let tally = try await whileMatching(client, capability: "re-flush", expecting: names) {
          let state = try #require(try hub.state())
          let redis = try RedisClient(url: RedisURL(state.redisURL))
          _ = try await redis.send(RedisCommand("FLUSHALL"))
          try await eventually("the stream is there again") {
            let stream = RedisCommand("EXISTS", RedisKeys().changeStream)
            return try await redis.send(stream) == .integer(1)
          }
          for _ in 0..<200 { #expect(await matchFault(client, "re-flush", names) == nil) }
        }
        #expect(tally.faults == [])
        try await hub.restart("scorer-1")
        try await hub.waitForHealth("ok", scorers: 2)
        try await hub.whileStopped("scorer-2") {
          try await hub.waitForHealth("ok", scorers: 1)
          // A third of the lease.
          try await eventually("the new scorer knows every miner", within: .seconds(2)) {
            try await client.online("re-flush") == names
          }
        }
        try await hub.waitForHealth("ok", scorers: 2)
      }
    }

    @Test("Redis killed under running miners: all recovers by itself")
    func redisKilled() async throws {
      let hub = try suiteHub()
      let client = try hub.client()
      let miners = try await LiveMiner.register(3, capability: "re-redis", at: client)
      let names = miners.map(\.id)
      #expect(try await client.feedback(job: "before", miner: names[0]).status == 200)
      try await whileSpeaking(Array(miners.dropFirst())) {
        let socket = try await miners[0].connect()
        try await socket.beat(1)
        let tally = try await whileMatching(client, capability: "re-redis", expecting: names) {
          try await hub.restart("redis")
          #expect(try await client.feedback(job: "after", miner: names[0]).status == 200)
          try await hub.waitForHealth("ok", scorers: 2)
        }
        #expect(tally.faults == [])
        try await socket.beat(2, ["queue_len": .int(5)])
        try await eventually("the stream goes on") {
          let answer = try await client.match(capability: "re-redis")
          return answer.load(of: names[0]) == 0.5
        }
        let trust = try await trustOnEachScorer(
          of: names[0], capability: "re-redis", in: hub)
        // (2 + 2) / (4 + 2), but for the forgetting of a few seconds.
        for shown in trust { #expect(abs(shown - 4.0 / 6) < 0.0001) }
        #expect(trust[0] == trust[1])
        await socket.close()
      }
    }

    @Test("PostgreSQL killed: matches go on, and it takes registrations again by itself")
    func postgresKilled() async throws {
      let hub = try suiteHub()
      let client = try hub.client()
      let miners = try await LiveMiner.register(3, capability: "re-pg", at: client)
      try await whileSpeaking(miners) {
        let tally = try await whileMatching(
          client, capability: "re-pg", expecting: miners.map(\.id)
        ) {
          try await hub.restart("postgres")
          try await eventually("it registers") {
            let answer = try await client.register(
              Array(#"{"miner_id":"re-pg-new","api_key":"0123456789abcdef"}"#.utf8))
            if answer.status != 200 {
              answer.expectProblem(503, "store_unavailable", retries: true)
            }
            return answer.status == 200
          }
          try await eventually("it takes feedback") {
            try await client.feedback(job: "pg", miner: miners[0].id).status == 200
          }
          try await hub.waitForHealth("ok", scorers: 2)
        }
        #expect(tally.faults == [])
        let kept = try await client.status(token: miners[1].token)
        #expect(kept.json?["capabilities"] == .strings("re-pg"))
      }
    }

    @Test("What starts while the stores are away keeps trying, and comes up with them")
    func lateStores() async throws {
      let hub = try suiteHub()
      let client = try hub.client()
      let miners = try await LiveMiner.register(2, capability: "re-late", at: client)
      try await hub.whileStopped("redis", "postgres") {
        try await hub.restart("scorer-1")
        try await hub.restart("gateway-1")
        await eventually("the gateway serves") {
          (try? await client.request("GET", "/v1/live"))?.status == 200
        }
        // The scorer that still has its memory is enough.
        try await hub.waitForHealth("degraded", scorers: 1)
        #expect(try await client.match(capability: "re-late").status == 200)
        let token = miners[0].token
        #expect(try await client.renewLease(token: token).status == 200)
      }
      try await hub.waitForHealth("ok", scorers: 2)
      for miner in miners { #expect(try await client.renewLease(token: miner.token).status == 200) }
      #expect(try await client.online("re-late") == miners.map(\.id))
      _ = try await LiveMiner.register("re-late-3", capability: "re-late", at: client)
      #expect(try await client.online("re-late")?.count == 3)
    }
  }
}
