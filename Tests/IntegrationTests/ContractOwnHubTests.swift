import JSON
import Simulation
import TestSupport
import Testing

extension RunningProcesses {
  /// What needs other settings, or a registry where nobody else's miners are counted.
  @Suite(
    "The contract on a hub of its own",
    .hub(set: [
      "POOLHUB_SESSION_TTL_SEC": "1",
      "POOLHUB_COORDINATOR_SECRETS":
        "one:the-secret-of-one-1,one:the-secret-of-one-2,two:the-secret-of-two-1",
    ]))
  struct ContractOnItsOwnHub {
    private static let one = "the-secret-of-one-1"
    private static let oneAnew = "the-secret-of-one-2"
    private static let two = "the-secret-of-two-1"

    @Test("A session token ends with its time, and a renewal in time carries on")
    func expiry() async throws {
      let corner = try Corner("ttl")
      let answer = try await corner.tryRegister("1")
      #expect(answer.json?["session_ttl_sec"]?.int == 1)
      let token = try #require(answer.json?["session_token"]?.string)
      try await corner.client.status(token: token).expectOK()
      var renewed = token
      try await eventually("the first token has expired") {
        // A newer token is good while the older one ages.
        let renewal = try await corner.client.renewLease(token: renewed)
        renewed = renewal.json?["session_token"]?.string ?? renewed
        return try await corner.client.status(token: token).status == 401
      }
      try await corner.client.status(token: renewed).expectOK()
      for path in ContractPath.all where path.reach == .miner {
        try await path.ask(corner.client, miner: corner.id("1"), bearer: token)
          .expectProblem(401, "unauthorized")
      }
      await #expect(throws: (any Error).self) {
        let socket = try await WebSocketClient.connect(
          url: corner.client.baseURL + "/v1/miners/heartbeat?session_token=\(token)")
        await socket.close()
      }
      // The API key has no such end.
      try await corner.client.renewLease(token: corner.apiKey("1")).expectOK()
      try await corner.leave(["1"])
    }

    @Test("Both of a coordinator's secrets are its own, by either header")
    func rotation() async throws {
      let corner = try Corner("rotate")
      try await corner.register("1")
      let first = try await corner.feedback("1", job: "a", "completed", bearer: Self.one)
      #expect(first.json?["duplicate"] == .bool(false))
      let again = try await corner.feedback("1", job: "a", "completed", bearer: Self.oneAnew)
      #expect(again.json?["duplicate"] == .bool(true))
      for secret in [Self.one, Self.oneAnew, Self.two] {
        try await corner.client.request(
          "POST", "/v1/match", headers: [("X-PoolHub-Key", secret)], text: #"{"job_id": "j"}"#
        ).expectOK()
      }
      try await corner.leave(["1"])
    }

    @Test("Two coordinators' words on one job both count")
    func twoCoordinators() async throws {
      let corner = try Corner("two")
      try await corner.register("1")
      let key = "the-same-key"
      for (secret, trust) in [(Self.one, 3.0 / 5), (Self.two, 4.0 / 6)] {
        let answer = try await corner.feedback(
          "1", job: "a", "completed", key: key, bearer: secret)
        #expect(answer.json?["duplicate"] == .bool(false))
        #expect(isClose(answer.json?["trust_score"]?.double, trust, within: 1e-5))
      }
      // The key is each one's own, too.
      try await corner.feedback("1", job: "b", "failed", key: key, bearer: Self.two)
        .expectProblem(422, "idempotency_key_reused")
      // However much one says, the other's word keeps its weight.
      for number in 1...25 {
        try await corner.feedback("1", job: "\(number)", "completed", bearer: Self.one).expectOK()
      }
      let answer = try await corner.feedback("1", job: "z", "failed", bearer: Self.two)
      #expect(isClose(answer.json?["trust_score"]?.double, 23.0 / 26, within: 1e-4))
      try await corner.leave(["1"])
    }

    /// Miners that each fail one filter and all that come after it.
    private static let chain: [(reason: String, fields: String)] = [
      ("offline", #""region": "else""#),
      ("region", #""region": "else""#),
      ("accel", ""),
      ("vram", #""accel": ["cuda"]"#),
      ("ram", #""accel": ["cuda"], "gpu_vram_gb": 8"#),
      ("capability", #""accel": ["cuda"], "gpu_vram_gb": 8, "ram_gb": 8"#),
      ("tag", #""accel": ["cuda"], "gpu_vram_gb": 8, "ram_gb": 8, "capabilities": ["c"]"#),
      ("price", passing), ("trust", passing), ("full", passing), ("none", passing),
    ]

    /// All that a profile needs but the price.
    private static let passing = #"""
      "accel": ["cuda"], "gpu_vram_gb": 8, "ram_gb": 8, "capabilities": ["c"], "tags": ["t"]
      """#

    private static let requirements = #"""
      "accel": ["cuda"], "min_vram_gb": 8, "min_ram_gb": 8, "capabilities_any": ["c"],
      "tags_any": ["t"], "min_trust": 0.5
      """#

    @Test("Each miner counts once, under the first filter that it fails, in the contract's order")
    func order() async throws {
      let corner = try Corner("order")
      let others = try await corner.match().json?["considered"]?.int ?? 0
      for (place, (reason, fields)) in Self.chain.enumerated() {
        let isDear = place <= Self.chain.firstIndex { $0.reason == "price" } ?? 0
        let isBad = place <= Self.chain.firstIndex { $0.reason == "trust" } ?? 0
        let isFull = place <= Self.chain.firstIndex { $0.reason == "full" } ?? 0
        let price = isDear ? #""price_token_per_ksec": 2"# : ""
        let miner = try await corner.register(reason, Corner.members(fields, price))
        if isBad { try await corner.feedback(reason, job: "1", "failed").expectOK() }
        if isFull { try await miner.update(#""busy": true"#).expectOK() }
        if reason == "offline" { try await corner.client.logout(token: miner.token).expectOK() }
      }
      let answer = try await corner.match(Self.requirements, hints: #""max_price": 1"#)
      #expect(corner.names(in: answer) == ["none"])
      expectCountsAddUp(answer)
      #expect(answer.json?["considered"]?.int == others + Self.chain.count)
      let reasons = Self.chain.map(\.reason).dropLast()
      #expect(answer.json?["rejected"]?.object?.members.map(\.name) == Array(reasons))
      for reason in reasons.dropFirst() { #expect(answer.rejected(reason) == 1, "\(reason)") }
      // Others' miners have logged out.
      #expect(answer.rejected("offline") == others + 1)

      // A service comes between the tags and the price.
      let service = try await corner.match(
        Self.requirements + #", "service": "whisper""#, hints: #""max_price": 1"#)
      #expect(service.rejected("service") == 4)
      #expect(service.rejected("tag") == 1 && service.rejected("price") == 0)
      expectCountsAddUp(service)

      try await excluded(corner, considered: others + Self.chain.count)
      try await corner.leave(Self.chain.map(\.reason))
    }

    private func excluded(_ corner: Corner, considered: Int) async throws {
      let answer = try await corner.match(
        Self.requirements, hints: #""max_price": 1"#,
        #""exclude": ["order-vram", "order-none", "order-offline", "order-nobody"]"#)
      expectNone(answer)
      #expect(answer.json?["considered"]?.int == considered - 3)
      #expect(answer.rejected("vram") == 0 && answer.rejected("full") == 1)
    }

    @Test("Nobody there: every count is 0 or of those who have left")
    func nobody() async throws {
      let answer = try await Corner("empty").match()
      expectNone(answer)
      #expect(answer.json?["considered"]?.int == answer.rejected("offline"))
    }
  }
}

extension Corner {
  /// Takes miners offline, so that they are in no other test's way.
  fileprivate func leave(_ miners: [String]) async throws {
    for miner in miners { try await client.logout(token: apiKey(miner)).expectOK() }
  }
}
