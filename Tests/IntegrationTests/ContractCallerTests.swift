import Foundation
import JSON
import Simulation
import TestSupport
import Testing

extension RunningProcesses.Contract {
  @Suite("Who is calling") struct Callers {
    @Test("A miner reaches its own record and nothing else")
    func ownRecord() async throws {
      let corner = try Corner("who-own")
      let first = try await corner.register("1")
      let second = try await corner.register("2", #""max_parallel": 3"#)
      let before = try await second.status()
      // Naming another one doesn't help.
      let other = #""miner_id": "\#(second.id)""#
      try await first.update(#"\#(other), "max_parallel": 9, "queue_len": 5"#).expectOK()
      let beat = try await first.beat(#"\#(other), "queue_len": 6"#)
      #expect(beat.json?["miner_id"]?.string == first.id)
      let query = "?miner_id=\(second.id)"
      let status = try await corner.client.request(
        "GET", "/v1/miners/status" + query, bearer: first.token)
      #expect(status.json?["miner_id"]?.string == first.id)
      let logout = try await corner.client.request(
        "POST", "/v1/miners/logout" + query, bearer: first.token, text: "{\(other)}")
      #expect(logout.json?["miner_id"]?.string == first.id)
      #expect(try await second.status() == before)
    }

    @Test("A forged or broken session token is nobody's")
    func forgedTokens() async throws {
      let corner = try Corner("who-forged")
      let miner = try await corner.register("1")
      let parts = miner.token.split(separator: ".").map(String.init)
      try #require(parts.count == 4)
      let payload = "1000000000000 9999999999999 \(miner.id)"
      let later = Data(payload.utf8).base64EncodedString().replacing("=", with: "")
      func token(_ parts: String...) -> String { parts.joined(separator: ".") }
      let forged: [String] = [
        "", " ", "pht1", "pht1.", "pht1....", token(parts[0], parts[1], parts[2], ""),
        token(parts[0], parts[1], later, parts[3]), token(parts[0], "none", parts[2], parts[3]),
        token(parts[0], "", parts[2], parts[3]), token("PHT1", parts[1], parts[2], parts[3]),
        token(miner.token, "x"), miner.token + "A", String(miner.token.dropLast(4)),
        "\(miner.token) \(miner.token)", "pht1." + .letters(600), .letters(300), "short",
      ]
      for token in forged {
        let answer = try await corner.client.status(token: token)
        #expect(answer.status == 401, "\(token)")
      }
      #expect(try await corner.client.status(token: miner.token).status == 200)
    }

    @Test("The bearer scheme is read in any case, and no other scheme counts")
    func schemes() async throws {
      let corner = try Corner("who-scheme")
      let miner = try await corner.register("1")
      func status(_ authorization: String) async throws -> Int {
        try await corner.client.request(
          "GET", "/v1/miners/status", headers: [("Authorization", authorization)]
        ).status
      }
      for good in ["Bearer", "bearer", "BEARER"] {
        #expect(try await status("\(good) \(miner.token)") == 200)
      }
      for bad in ["Basic \(miner.token)", miner.token, "Bearer", "Token \(miner.token)"] {
        #expect(try await status(bad) == 401)
      }
    }

    @Test("A wrong X-PoolHub-Key doesn't spoil a good bearer, nor the other way round")
    func twoSecrets() async throws {
      let client = try Corner("who-two").client
      let secret = try #require(client.coordinatorSecret)
      for (bearer, key, status) in [
        (secret, "wrong-wrong-wrong", 200), ("wrong-wrong-wrong", secret, 200),
        ("wrong-wrong-wrong", "wrong-wrong-wrong", 401), (secret, secret, 200),
      ] {
        let answer = try await client.request(
          "POST", "/v1/match", bearer: bearer, headers: [("X-PoolHub-Key", key)],
          text: #"{"job_id": "j"}"#)
        #expect(answer.status == status)
      }
    }
  }

  @Suite("Session tokens") struct Sessions {
    private static let withBody = ContractPath.all.filter { $0.reach == .miner && $0.body != nil }

    @Test("The token may stand in the body", arguments: withBody)
    func inBody(_ path: ContractPath) async throws {
      let corner = try Corner("token-body")
      let miner = try await corner.register("1")
      func status(_ token: String, bearer: String? = nil) async throws -> Int {
        let fields = (path.body ?? "").dropFirst().dropLast()
        return try await corner.client.request(
          path.method, path.path, bearer: bearer,
          text: Corner.object(#""session_token": "\#(token)""#, String(fields))
        ).status
      }
      #expect(try await status("pht1.x.y.z") == 401)
      // The header counts before the body.
      #expect(try await status(miner.token, bearer: "garbage-garbage-garbage") == 401)
      #expect(try await status(miner.token) == 200)
    }

    @Test("In the query a token counts for the WebSocket alone")
    func inQuery() async throws {
      let corner = try Corner("token-query")
      let miner = try await corner.register("1")
      for path in ContractPath.all where path.reach == .miner {
        let answer = try await path.ask(
          corner.client, miner: miner.id, suffix: "?session_token=\(miner.token)")
        answer.expectProblem(401, "unauthorized")
      }
      let socket = try await WebSocketClient.connect(
        url: corner.client.baseURL + "/v1/miners/heartbeat?session_token=\(miner.token)")
      try await socket.beat(1)
      await socket.close()
    }

    @Test("Renew and the HTTP heartbeat answer with a fresh token, and the old one lives on")
    func fresh() async throws {
      let corner = try Corner("token-fresh")
      let miner = try await corner.register("1")
      let answers = [
        try await corner.client.request("GET", "/v1/miners/lease/renew", bearer: miner.token),
        try await corner.client.request("POST", "/v1/miners/lease/renew", bearer: miner.token),
        try await corner.client.request(
          "POST", "/v1/miners/lease/renew", bearer: miner.token, text: "{}"),
        try await corner.client.request("POST", "/v1/miners/lease/renew", bearer: miner.apiKey),
        try await miner.beat(#""queue_len": 0"#),
      ]
      for answer in answers {
        answer.expectOK()
        #expect(answer.json?["success"] == .bool(true))
        #expect(answer.json?["miner_id"]?.string == miner.id)
        #expect(answer.json?["session_ttl_sec"]?.int == 3_600)
        #expect(answer.json?["lease_ttl_sec"]?.double == 60)
        #expect(answer.json?["next_heartbeat_sec"]?.double == 20)
        let token = try #require(answer.json?["session_token"]?.string)
        #expect(token != miner.token)
        try await corner.client.status(token: token).expectOK()
      }
      try await corner.client.status(token: miner.token).expectOK()
      // Any gateway takes it.
      try await corner.at(gateway: 1).client.status(token: miner.token).expectOK()
    }

    @Test("A logout ends every token that the miner had, on every gateway, and none that follows")
    func logout() async throws {
      let corner = try Corner("token-logout")
      let other = try corner.at(gateway: 1)
      let miner = try await corner.register("1")
      let second = try await corner.register("1")
      let bystander = try await corner.register("2")
      let answer = try await corner.client.logout(token: miner.token)
      answer.expectOK()
      #expect(answer.json?["success"] == .bool(true))
      for token in [miner.token, second.token] {
        for path in ContractPath.all where path.reach == .miner {
          try await path.ask(corner.client, miner: miner.id, bearer: token)
            .expectProblem(401, "unauthorized")
        }
        try await eventually("the other gateway has heard of it", within: .seconds(2)) {
          try await other.client.status(token: token).status == 401
        }
      }
      try await corner.client.status(token: bystander.token).expectOK()
      // The key is no session: with it the miner comes back.
      let back = try await corner.register("1")
      try await corner.client.status(token: back.token).expectOK()
      try await other.client.status(token: back.token).expectOK()
    }
  }
}
