import JSON
import Simulation
import TestSupport
import Testing

extension RunningProcesses {
  @Suite(
    "Leases",
    .hub(set: ["POOLHUB_LEASE_TTL_SEC": "2", "POOLHUB_HEARTBEAT_GRACE_SEC": "1"]))
  struct WebSocketLeases {
    @Test("A silent miner goes offline, is cut off, and comes back by its next heartbeat")
    func silence() async throws {
      let client = try suiteHub().client()
      let miner = try await LiveMiner.register("le-1", capability: "le", at: client)
      // Registered is online, with no heartbeat yet.
      #expect(try await client.online("le") == [miner.id])
      let socket = try await miner.connect()
      let ack = try await socket.beat(1)
      #expect(ack["next_heartbeat_sec"]?.double == 0.666)
      let start = ContinuousClock.now
      try await eventually("it is offline") { try await client.online("le") == [] }
      let rejected = try await client.match(capability: "le").json?["rejected"]
      // Unless it has left the registry by now.
      #expect((rejected?["offline"]?.int ?? 0) <= 1)
      #expect(await socket.code() == 4408)
      #expect(ContinuousClock.now - start > .seconds(1))

      let again = try await miner.connect()
      try await again.beat(2)
      try await eventually("it is back") { try await client.online("le") == [miner.id] }
      await again.close()
    }

    @Test("A miner that speaks as often as it is told stays online")
    func speaking() async throws {
      let client = try suiteHub().client()
      let miners = try await LiveMiner.register(2, capability: "le-on", at: client)
      try await whileSpeaking(miners) {
        // Three leases long.
        let end = ContinuousClock.now + .seconds(6)
        while ContinuousClock.now < end {
          let fault = await matchFault(client, "le-on", miners.map(\.id))
          #expect(fault == nil)
          try await Task.sleep(for: .milliseconds(50))
        }
      }
    }

    @Test("After the grace it is out of the registry, and each sign of life brings it back")
    func grace() async throws {
      let client = try suiteHub().client()
      let miner = try await LiveMiner.register(
        "le-grace-1", capability: "le-grace", at: client,
        extra: [("price_token_per_ksec", .number("0.125"))])
      #expect(try await client.feedback(job: "g", miner: miner.id).isSuccess)
      let trust = try await client.match(capability: "le-grace").candidate(miner.id)?["trust"]
      let signs: [(String, () async throws -> Bool)] = [
        ("a renewal", { try await client.renewLease(token: miner.token).isSuccess }),
        ("a heartbeat over HTTP", { try await miner.heartbeat(["queue_len": .int(0)]).isSuccess }),
        ("an update", { try await client.update(Array("{}".utf8), token: miner.token).isSuccess }),
        (
          "a heartbeat over a WebSocket",
          {
            let socket = try await miner.connect()
            try await socket.beat(1)
            await socket.close()
            return true
          }
        ),
      ]
      for (what, sign) in signs {
        try await eventually("nobody is considered") {
          try await client.match(capability: nil).json?["considered"]?.int == 0
        }
        #expect(try await sign(), "\(what)")
        try await eventually("\(what) brings it back") {
          let answer = try await client.match(capability: nil)
          return answer.json?["considered"]?.int == 1
            && answer.candidate(miner.id)?["price"] == .number("0.125")
            && answer.candidate(miner.id)?["trust"] == trust
        }
      }
    }
  }
}
