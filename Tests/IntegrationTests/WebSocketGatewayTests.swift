import Glibc
import JSON
import Simulation
import TestSupport
import Testing

extension RunningProcesses {
  @Suite("WebSockets over two gateways", .hub(gateways: 2)) struct WebSocketGateways {
    @Test("A newer connection replaces the older one", arguments: [0, 1])
    func replaced(newer: Int) async throws {
      let hub = try suiteHub()
      let capability = "gw-new-\(newer)"
      let miner = try await LiveMiner.register(
        capability, capability: capability, at: try hub.client())
      let old = try await miner.connect()
      try await old.beat(1)
      let new = try await miner.connect(to: try hub.client(gateway: newer))
      try await new.beat(2, ["queue_len": .int(4)])
      #expect(await old.code() == 4409)
      try await new.beat(3, ["queue_len": .int(4)])
      #expect(new.isOpen)
      try await eventually("its load shows") {
        let answer = try await hub.client().match(capability: capability)
        return answer.load(of: miner.id) == 0.6
      }
      await new.close()
    }

    @Test("Logging out closes the miner's socket on whichever gateway", arguments: [0, 1])
    func logout(gateway: Int) async throws {
      let hub = try suiteHub()
      let capability = "gw-out-\(gateway)"
      let client = try hub.client()
      let miner = try await LiveMiner.register(capability, capability: capability, at: client)
      let socket = try await miner.connect(to: try hub.client(gateway: gateway))
      try await socket.beat(1)
      #expect(try await client.logout(token: miner.token).status == 200)
      #expect(await socket.code(within: .seconds(2)) == 4401)
      #expect(try await client.online(capability) == [])
      for other in [client, try hub.client(gateway: 1)] {
        try await eventually("the token is void", within: .seconds(2)) {
          try await other.renewLease(token: miner.token).status == 401
        }
        await #expect(throws: WebSocketClient.UpgradeRefused.self) {
          _ = try await miner.connect(to: other)
        }
      }

      let again = try await LiveMiner.register(capability, capability: capability, at: client)
      let new = try await again.connect(to: try hub.client(gateway: gateway))
      try await new.beat(2)
      #expect(try await client.online(capability) == [miner.id])
      await new.close()
    }

    @Test("A gateway that is told to end says when to come again, and closes with 1001")
    func goingAway() async throws {
      let hub = try suiteHub()
      let miners = try await LiveMiner.register(
        3, capability: "gw-bye", at: try hub.client())
      var sockets: [WebSocketClient] = []
      for miner in miners {
        let socket = try await miner.connect()
        try await socket.beat(1, ["queue_len": .int(5)])
        sockets.append(socket)
      }
      let other = try hub.client(gateway: 1)
      let tally = try await whileMatching(
        other, capability: "gw-bye", expecting: miners.map(\.id), workers: 1
      ) {
        try await hub.restart("gateway-1", by: SIGTERM)
        for socket in sockets {
          let farewell = try await socket.nextJSON()
          #expect(farewell["type"]?.string == "going_away")
          let pause = try #require(farewell["retry_after_ms"]?.int)
          #expect((0...15_000).contains(pause))
          #expect(await socket.code() == 1001)
        }
      }
      #expect(tally.faults == [])
      #expect(hub.log().contains("gateway-1 ended with status 0"))
      // What its miners said last was written before it went.
      let answer = try await other.match(capability: "gw-bye")
      #expect(miners.map { answer.load(of: $0.id) } == [0.5, 0.5, 0.5])

      try await hub.waitForHealth("ok", scorers: 1)
      for miner in miners {
        let socket = try await miner.connect()
        try await socket.beat(1)
        await socket.close()
      }
    }
  }
}
