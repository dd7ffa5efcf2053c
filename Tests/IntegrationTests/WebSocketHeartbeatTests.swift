import AsyncHTTPClient
import JSON
import Simulation
import TestSupport
import Testing

extension RunningProcesses {
  @Suite("Heartbeats over WebSockets", .hub()) struct WebSocketHeartbeats {
    @Test("Each heartbeat is acknowledged by its number, and matches follow the load")
    func load() async throws {
      let client = try suiteHub().client()
      let miners = try await LiveMiner.register(4, capability: "ws-load", at: client)
      var sockets: [WebSocketClient] = []
      for (number, miner) in miners.enumerated() {
        let socket = try await miner.connect()
        let ack = try await socket.beat(
          40 + number, ["queue_len": .int(2 * number), "avg_latency_ms": .int(100)])
        // A third of the lease, which is a minute unless configured.
        #expect(ack["next_heartbeat_sec"]?.double == 20)
        sockets.append(socket)
      }
      let loads = [1, 0.8, 0.6, 0.4]
      try await eventually("matches show every load") {
        let answer = try await client.match(capability: "ws-load")
        return miners.map { answer.load(of: $0.id) } == loads
          && answer.candidates.map { $0["miner_id"]?.string } == miners.map(\.id)
      }
      try await sockets[0].beat(50, ["queue_len": .int(9)])
      try await eventually("the first one is the last one now") {
        let answer = try await client.match(capability: "ws-load")
        return answer.candidates.last?["miner_id"]?.string == miners[0].id
          && answer.load(of: miners[0].id) == 0.1
      }
      for socket in sockets { await socket.close() }
    }

    @Test("current_jobs stands in for an absent queue_len, as a list or a count")
    func currentJobs() async throws {
      let client = try suiteHub().client()
      let miner = try await LiveMiner.register("ws-jobs-1", capability: "ws-jobs", at: client)
      let socket = try await miner.connect()
      let cases: [(KeyValuePairs<String, JSONValue>, Double)] = [
        (["current_jobs": .strings("a", "b")], 0.8),
        (["current_jobs": .int(5)], 0.5),
        (["queue_len": .int(1), "current_jobs": .strings("a", "b", "c")], 0.9),
        (["queue_len": .int(0)], 1),
      ]
      for (number, (fields, load)) in cases.enumerated() {
        try await socket.beat(number, fields)
        try await eventually("the load is \(load)") {
          let answer = try await client.match(capability: "ws-jobs")
          return answer.load(of: miner.id) == load
        }
      }
      await socket.close()
    }

    @Test("A full or busy miner is not matched, and is again once it has room")
    func fullAndBusy() async throws {
      let client = try suiteHub().client()
      let miner = try await LiveMiner.register("ws-full-1", capability: "ws-full", at: client)
      let socket = try await miner.connect()
      let cases: [(KeyValuePairs<String, JSONValue>, [String])] = [
        (["queue_len": .int(10)], []), (["queue_len": .int(9)], [miner.id]),
        (["queue_len": .int(0), "busy": .bool(true)], []), (["queue_len": .int(0)], [miner.id]),
      ]
      for (number, (fields, found)) in cases.enumerated() {
        try await socket.beat(number, fields)
        try await eventually("a match finds \(found)") {
          try await client.online("ws-full") == found
        }
      }
      await socket.close()
    }

    @Test("A miner may show its session token or API key, in the header or the query")
    func credentials() async throws {
      let client = try suiteHub().client()
      let miner = try await LiveMiner.register("ws-auth-1", capability: "ws-auth", at: client)
      let path = client.baseURL + "/v1/miners/heartbeat"
      let ways: [(String, [(String, String)])] = [
        (path, [("Authorization", "Bearer \(miner.token)")]),
        (path + "/", [("Authorization", "bearer \(miner.token)")]),
        (path, [("Authorization", "Bearer \(miner.apiKey)")]),
        (path + HubClient.query([("session_token", miner.token)]), []),
        (path + "/" + HubClient.query([("x", "y"), ("session_token", miner.token)]), []),
      ]
      for (number, (url, headers)) in ways.enumerated() {
        let socket = try await WebSocketClient.connect(url: url, headers: headers)
        try await socket.beat(number)
        await socket.close()
      }
    }

    @Test("A connection speaks for its token's miner, whatever its frames say")
    func otherMiner() async throws {
      let client = try suiteHub().client()
      let miners = try await LiveMiner.register(2, capability: "ws-other", at: client)
      let query = HubClient.query([("session_token", miners[1].token)])
      // The header counts where both are there.
      let socket = try await WebSocketClient.connect(
        url: client.baseURL + "/v1/miners/heartbeat" + query,
        headers: [("Authorization", "Bearer \(miners[0].token)")])
      try await socket.beat(1, ["queue_len": .int(7), "miner_id": .string(miners[1].id)])
      try await eventually("the load is the first one's") {
        let answer = try await client.match(capability: "ws-other")
        return answer.load(of: miners[0].id) == 0.3
      }
      let answer = try await client.match(capability: "ws-other")
      #expect(answer.load(of: miners[1].id) == 1)
      await socket.close()
    }

    @Test("What is no heartbeat path, handshake or miner is refused before the upgrade")
    func refusals() async throws {
      let hub = try suiteHub()
      let client = try hub.client()
      let miner = try await LiveMiner.register("ws-no-1", capability: "ws-no", at: client)
      let path = "/v1/miners/heartbeat"
      let state = try #require(try hub.state())
      let mine = [("Authorization", "Bearer \(miner.token)")]
      let cases: [(String, [(String, String)], Int, String)] = [
        (path, [], 401, "unauthorized"),
        (path + "?session_token=", [], 401, "unauthorized"),
        (path, [("Authorization", "Bearer \(miner.token)x")], 401, "unauthorized"),
        (path, [("Authorization", "Bearer pht1.a.b.c")], 401, "unauthorized"),
        (path, [("Authorization", "Bearer \(state.coordinatorSecret)")], 403, "forbidden"),
        (path, [("Authorization", "Bearer \(state.adminSecret)")], 403, "forbidden"),
        ("/v1/miners/heartbeats", mine, 404, "not_found"),
        ("/v1/nowhere", [], 404, "not_found"),
      ]
      for (path, headers, status, code) in cases {
        let answer = try await refusal(client.baseURL + path, headers)
        answer.expectProblem(status, code)
        if status == 401 { #expect(answer.header("WWW-Authenticate")?.hasPrefix("Bearer") == true) }
      }
      // The connection that was refused leaves the port as good as before.
      let socket = try await miner.connect()
      try await socket.beat(1)
      await socket.close()
    }

    @Test("A request that asks for no WebSocket, or asks badly, is told what is missing")
    func badHandshakes() async throws {
      let client = try suiteHub().client()
      let miner = try await LiveMiner.register("ws-bad-1", capability: "ws-bad", at: client)
      let path = "/v1/miners/heartbeat"
      let plain = try await client.request("GET", path, bearer: miner.token)
      plain.expectProblem(426, "upgrade_required")
      #expect(plain.header("Upgrade")?.lowercased() == "websocket")

      let mine = [("Authorization", "Bearer \(miner.token)")]
      let asking = [("Connection", "Upgrade"), ("Upgrade", "websocket")]
      let key = ("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ==")
      let version = ("Sec-WebSocket-Version", "13")
      for bad in [[version], [version, ("Sec-WebSocket-Key", "short")], [version, key, key]] {
        let answer = try await firstRequest(client.baseURL + path, mine + asking + bad)
        answer.expectProblem(400, "bad_request")
      }
      let old = try await firstRequest(
        client.baseURL + path, mine + asking + [key, ("Sec-WebSocket-Version", "8")])
      old.expectProblem(426, "upgrade_required")
      #expect(old.header("Sec-WebSocket-Version") == "13")
    }

    /// On a connection of its own: only a connection's first request may ask for a WebSocket.
    private func firstRequest(
      _ url: String, _ headers: [(String, String)]
    ) async throws -> HubAnswer {
      let http = HTTPClient()
      var request = HTTPClientRequest(url: url)
      for (name, value) in headers { request.headers.add(name: name, value: value) }
      do {
        let response = try await http.execute(request, timeout: .seconds(10))
        let body = try await response.body.collect(upTo: 65_536)
        try await http.shutdown()
        return HubAnswer(
          status: Int(response.status.code),
          headers: response.headers.map { (name: $0.name, value: $0.value) },
          body: Array(body.readableBytesView))
      } catch {
        try? await http.shutdown()
        throw error
      }
    }

    private func refusal(_ url: String, _ headers: [(String, String)]) async throws -> HubAnswer {
      do {
        let socket = try await WebSocketClient.connect(url: url, headers: headers)
        await socket.abort()
        return HubAnswer(status: 101, headers: [], body: [])
      } catch let refused as WebSocketClient.UpgradeRefused {
        return refused.answer
      }
    }
  }
}
