import Glibc
import JSON
import Simulation
import TestSupport
import Testing

extension RunningProcesses.Contract {
  @Suite("Issued keys") struct IssuedKeys {
    @Test("A miner's key: issued, used, rotated, both work, revoked, and all of it ends elsewhere")
    func miner() async throws {
      let corner = try Corner("keys-miner")
      let here = corner.client
      let there = try corner.at(gateway: 1).client
      let first = try await here.issue(#"{"kind": "miner", "label": "rack 7"}"#)
      let id = corner.id("m1")
      #expect(try await here.register(id, key: first.key).status == 200)
      let second = try await here.rotate(first.id, overlapSeconds: 3_600)
      for key in [first.key, second.key] {
        #expect(try await there.register(id, key: key).status == 200)
        #expect(try await there.renewLease(token: key).status == 200)
      }
      let token = try #require(
        try await there.register(id, key: first.key).json?["session_token"]?.string)
      let socket = try await LiveMiner(id: id, apiKey: first.key, token: token, client: there)
        .connect()
      try await socket.beat(1)

      let revoked = try await here.revoke(first.id)
      #expect(revoked.status == 200 && revoked.json?["live"]?.bool == false)
      #expect(await socket.code(within: .seconds(2)) == 4401)
      for client in [here, there] {
        try await eventually("it is refused", within: .seconds(2)) {
          let answers = [
            try await client.renewLease(token: token),
            try await client.renewLease(token: first.key),
            try await client.register(id, key: first.key),
          ]
          return answers.map(\.status) == [401, 401, 403]
        }
      }
      // The other one begins anew, at once.
      let again = try await there.register(id, key: second.key)
      let newToken = try #require(again.json?["session_token"]?.string)
      #expect(try await there.renewLease(token: newToken).status == 200)
      // Revoking twice is no fault, and ends nothing that has begun since.
      #expect(try await here.revoke(first.id).status == 200)
      #expect(try await here.renewLease(token: newToken).status == 200)
    }

    @Test("A coordinator's key: two live ones, and a revoked one is refused on every gateway")
    func coordinator() async throws {
      let corner = try Corner("keys-coordinator")
      let here = corner.client
      let there = try corner.at(gateway: 1).client
      let first = try await here.issue(#"{"kind": "coordinator", "coordinator": "keys-c"}"#)
      let second = try await here.rotate(first.id, overlapSeconds: 3_600)
      let third = try await here.request(
        "POST", "/v1/keys", bearer: here.adminSecret,
        text: #"{"kind": "coordinator", "coordinator": "keys-c"}"#)
      #expect(third.status == 409 && third.json?["code"]?.string == "too_many_keys")
      for (client, key) in [(here, first.key), (there, first.key), (there, second.key)] {
        try await eventually("it matches", within: .seconds(2)) {
          try await client.matchStatus(key) == 200
        }
      }
      #expect(try await here.revoke(first.id).status == 200)
      #expect(try await here.matchStatus(first.key) == 401)
      try await eventually("it is refused there", within: .seconds(2)) {
        try await there.matchStatus(first.key) == 401
      }
      #expect(try await there.matchStatus(second.key) == 200)
    }

    @Test("The old key of a rotation ends by itself")
    func overlap() async throws {
      let corner = try Corner("keys-overlap")
      let first = try await corner.client.issue(
        #"{"kind": "coordinator", "coordinator": "keys-o"}"#)
      let second = try await corner.client.rotate(first.id, overlapSeconds: 1)
      #expect(try await corner.client.matchStatus(first.key) == 200)
      try await eventually("it has ended", within: .seconds(3)) {
        try await corner.client.matchStatus(first.key) == 401
      }
      #expect(try await corner.client.matchStatus(second.key) == 200)
    }

    private static func mistyped(_ key: String) -> String {
      String(key.dropLast()) + (key.hasSuffix("a") ? "b" : "a")
    }

    @Test("A typo is told from a key that is unknown")
    func typo() async throws {
      let corner = try Corner("keys-typo")
      let key = try await corner.client.issue(#"{"kind": "miner"}"#).key
      let typo = Self.mistyped(key)
      let refused = try await corner.client.register(corner.id("m"), key: typo)
      #expect(refused.status == 422)
      #expect(refused.json?["errors"]?.array?.first?["field"]?.string == "api_key")
      let renewal = try await corner.client.renewLease(token: typo)
      #expect(renewal.status == 401)
      #expect(renewal.json?["detail"]?.string?.contains("mistyped") == true)
    }

    @Test(
      "A wrong field is named",
      arguments: [
        (#"{}"#, "kind"), (#"{"kind": "robot"}"#, "kind"),
        (#"{"kind": "coordinator"}"#, "coordinator"),
        (#"{"kind": "coordinator", "coordinator": "a:b"}"#, "coordinator"),
        (#"{"kind": "miner", "miner_id": "a b"}"#, "miner_id"),
        (#"{"kind": "miner", "coordinator": "c"}"#, "coordinator"),
        (#"{"kind": "miner", "label": 7}"#, "label"),
        (#"{"kind": "miner", "expires_at": "2001-01-01T00:00:00Z"}"#, "expires_at"),
      ])
    func badFields(_ body: String, _ field: String) async throws {
      let client = try Corner("keys-bad").client
      let answer = try await client.request(
        "POST", "/v1/keys", bearer: client.adminSecret, text: body)
      #expect(answer.status == 422)
      #expect(answer.json?["errors"]?.array?.map { $0["field"]?.string } == [field])
    }

    @Test("What operators did stands in the log, refusals too, and no key does")
    func audit() async throws {
      let corner = try Corner("keys-audit")
      let client = corner.client
      let issued = try await client.issue(#"{"kind": "miner"}"#)
      let rotated = try await client.rotate(issued.id, overlapSeconds: 60)
      #expect(try await client.revoke(issued.id).status == 200)
      #expect(try await client.revoke("00000000-0000-0000-0000-000000000000").status == 404)
      let log = try await client.request(
        "GET", "/v1/audit?limit=1000", bearer: client.adminSecret)
      let entries = try #require(log.json?["entries"]?.array)
      func actions(_ subject: String) -> [String] {
        entries.filter { $0["subject"]?.string == subject }.map {
          "\($0["action"]?.string ?? "") \($0["outcome"]?.string ?? "")"
        }
      }
      #expect(actions(issued.id) == ["key.revoke done", "key.issue done"])
      #expect(actions(rotated.id) == ["key.rotate done"])
      #expect(actions("00000000-0000-0000-0000-000000000000") == ["key.revoke unknown_key"])
      let mine = try #require(entries.first { $0["subject"]?.string == issued.id })
      #expect(mine["origin"]?.string == "127.0.0.1" && mine["actor"]?.string == "operator")
      #expect(!log.text.contains(issued.key) && !log.text.contains(rotated.key))
    }

    @Test("Keys are counted as they are issued, revoked and refused")
    func metrics() async throws {
      let corner = try Corner("keys-metrics")
      let client = corner.client
      func counts() async throws -> [Double] {
        let text = PrometheusText(try await client.request("GET", "/metrics").text)
        return [
          text.total("poolhub_keys_issued_total", ["kind": "miner"]),
          text.total("poolhub_keys_revoked_total", ["kind": "miner"]),
        ]
          + ["unknown", "mistyped", "revoked", "wrong_key", "key_ended"].map {
            text.total("poolhub_key_refusals_total", ["reason": $0])
          }
      }
      let before = try await counts()
      let first = try await client.issue(#"{"kind": "miner"}"#)
      let answer = try await client.register(corner.id("m"), key: first.key)
      let token = try #require(answer.json?["session_token"]?.string)
      _ = try await client.rotate(first.id, overlapSeconds: 3_600)
      #expect(try await client.revoke(first.id).status == 200)
      #expect(try await client.revoke(first.id).status == 200)
      #expect(try await client.renewLease(token: token).status == 401)
      #expect(try await client.renewLease(token: "nobody's-key-0123456789").status == 401)
      #expect(try await client.matchStatus("nobody's-secret-0123456789") == 401)
      #expect(try await client.renewLease(token: Self.mistyped(first.key)).status == 401)
      let other = "another-key-0123456789"
      #expect(try await client.register(corner.id("m"), key: other).status == 403)
      // No look-up and no refusal: nothing was presented.
      #expect(try await client.request("GET", "/v1/miners/status").status == 401)
      let unused = try await client.issue(#"{"kind": "miner"}"#)
      #expect(try await client.revoke(unused.id).status == 200)
      #expect(try await client.register(corner.id("other"), key: unused.key).status == 403)
      let grown = zip(try await counts(), before).map { $0 - $1 }
      #expect(grown == [3, 2, 2, 1, 1, 1, 1])
    }
  }
}

extension RunningProcesses {
  @Suite("Keyed registration, and Redis away") struct KeyedRegistration {
    @Test("Only issued keys register; a revoked one ends on the other gateway without Redis")
    func keyed() async throws {
      try await RunningHub.with(gateways: 2, set: ["POOLHUB_REGISTRATION": "keyed"]) { hub in
        let here = try hub.client()
        let there = try hub.client(gateway: 1)
        let unknown = try await here.register("k1", key: "made-up-by-myself-0123456789")
        #expect(unknown.status == 403 && unknown.json?["code"]?.string == "key_not_issued")
        let key = try await here.issue(#"{"kind": "miner"}"#)
        let answer = try await here.register("k1", key: key.key)
        let token = try #require(answer.json?["session_token"]?.string)
        let taken = try await here.register("k2", key: key.key)
        #expect(taken.status == 409 && taken.json?["code"]?.string == "key_in_use")
        let socket = try await LiveMiner(id: "k1", apiKey: key.key, token: token, client: there)
          .connect()
        try await socket.beat(1)

        try hub.signal("redis", SIGSTOP)
        async let revoked = here.revoke(key.id)
        #expect(await socket.code(within: .seconds(2)) == 4401)
        #expect(try await there.renewLease(token: token).status == 401)
        try hub.signal("redis", SIGCONT)
        #expect(try await revoked.status == 200)
        for name in ["gateway-1", "gateway-2"] {
          #expect(!hub.log(of: name).contains(key.key), "\(name)")
        }
      }
    }
  }
}

/// A key as its one answer shows it.
private struct ShownKey {
  let id: String
  let key: String

  init(_ answer: HubAnswer) throws {
    guard answer.isSuccess, let id = answer.json?["key_id"]?.string,
      let key = answer.json?["key"]?.string
    else { throw LiveMiner.Refused(answer: answer) }
    self.id = id
    self.key = key
  }
}

extension HubClient {
  fileprivate func issue(_ body: String) async throws -> ShownKey {
    try ShownKey(try await request("POST", "/v1/keys", bearer: adminSecret, text: body))
  }

  fileprivate func rotate(_ id: String, overlapSeconds: Int) async throws -> ShownKey {
    try ShownKey(
      try await request(
        "POST", "/v1/keys/\(id)/rotate", bearer: adminSecret,
        text: #"{"overlap_sec": \#(overlapSeconds)}"#))
  }

  fileprivate func revoke(_ id: String) async throws -> HubAnswer {
    try await request("DELETE", "/v1/keys/\(id)", bearer: adminSecret)
  }

  fileprivate func register(_ id: String, key: String) async throws -> HubAnswer {
    try await register(Array(#"{"miner_id": "\#(id)", "api_key": "\#(key)"}"#.utf8))
  }

  fileprivate func matchStatus(_ secret: String) async throws -> Int {
    try await request("POST", "/v1/match", bearer: secret, text: #"{"job_id": "j"}"#).status
  }
}
