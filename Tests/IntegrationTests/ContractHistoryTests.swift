import JSON
import Simulation
import TestSupport
import Testing

extension HubClient {
  func history(
    of job: String, bearer: String? = nil, headers: [(String, String)] = []
  ) async throws -> HubAnswer {
    try await request(
      "GET", "/v1/matches/\(Self.encode(job))", bearer: bearer ?? coordinatorSecret,
      headers: headers)
  }
}

extension RunningProcesses.Contract {
  @Suite("Reading a match later") struct History {
    @Test("A match reads later as it was answered, at once")
    func asAnswered() async throws {
      let corner = try Corner("hist")
      for number in 1...3 {
        try await corner.register(
          "\(number)", #""price_token_per_ksec": 0.\#(number), "capabilities": ["c"]"#)
      }
      let matched = try await corner.match(
        #""capabilities_any": ["c"], "min_vram_gb": 0"#, hints: #""max_price": 0.25"#,
        #""job_id": "hist/1 é", "top_k": 2"#)
      let read = try await corner.client.history(of: "hist/1 é")
      read.expectOK()
      #expect(read.json?["candidates"]?.array?.count == 2)
      for (name, value) in try #require(matched.json?.object).members {
        #expect(read.json?[name] == value, "\(name)")
      }
      let asked = #"""
        {"requirements": {"capabilities_any": ["c"]}, "hints": {"region": "hist", "max_price": 0.25},
        "top_k": 2, "explain": "full"}
        """#
      #expect(read.json?["request"] == (try JSONValue.parse(Array(asked.utf8))))
      #expect(read.json?["matched_at"]?.string?.hasSuffix("Z") == true)
      #expect(read.json?["earlier"] == .array([]))
    }

    @Test(
      "Of a job that was matched again the newest comes first, and those without a candidate tell why"
    )
    func again() async throws {
      let corner = try Corner("hist-again")
      let job = #""job_id": "hist-again""#
      let none = try await corner.match("", hints: "", job)
      try await corner.register("1")
      let some = try await corner.match("", hints: "", job)
      let read = try await corner.client.history(of: "hist-again")
      #expect(read.json?["match_id"] == some.json?["match_id"])
      let earlier = read.json?["earlier"]?.array ?? []
      #expect(earlier.map { $0["match_id"] } == [none.json?["match_id"]])
      #expect(earlier.first?["candidates"] == .array([]))
      #expect(earlier.first?["rejected"] == none.json?["rejected"])
    }

    @Test("A match through one gateway reads at the other, a moment later")
    func otherGateway() async throws {
      let corner = try Corner("hist-other")
      let matched = try await corner.match("", hints: "", #""job_id": "hist-other""#)
      let other = try corner.at(gateway: 1).client
      try await eventually("it is there") {
        let read = try await other.history(of: "hist-other")
        return read.status == 200 && read.json?["match_id"] == matched.json?["match_id"]
      }
    }

    @Test(
      "404 for a job that was never matched, whatever its name", arguments: ["nope", "%", "\u{0}"])
    func unknown(_ job: String) async throws {
      let client = try Corner("hist-404").client
      try await client.history(of: job).expectProblem(404, "unknown_job")
      let long = String(repeating: "x", count: 65)
      try await client.history(of: long).expectProblem(404, "unknown_job")
    }

    @Test("Only coordinators read it")
    func callers() async throws {
      let corner = try Corner("hist-who")
      let miner = try await corner.register("1")
      _ = try await corner.match("", hints: "", #""job_id": "hist-who""#)
      let client = corner.client
      try await client.history(of: "hist-who").expectOK()
      try await client.history(
        of: "hist-who", bearer: "nobody-at-all",
        headers: [("X-PoolHub-Key", client.coordinatorSecret ?? "")]
      ).expectOK()
      try await client.history(of: "hist-who", bearer: miner.token).expectProblem(403, "forbidden")
      try await client.history(of: "hist-who", bearer: client.adminSecret)
        .expectProblem(403, "forbidden")
      try await client.history(of: "hist-who", bearer: "nobody-at-all")
        .expectProblem(401, "unauthorized")
    }
  }
}

extension RunningProcesses {
  @Suite(
    "Services and history when PostgreSQL goes away",
    .hub(set: [
      "POOLHUB_COORDINATOR_SECRETS":
        "one:the-secret-of-one-1,one:the-secret-of-one-2,two:the-secret-of-two-1"
    ]))
  struct FailureHistory {
    private static let one = "the-secret-of-one-1"
    private static let oneAnew = "the-secret-of-one-2"
    private static let two = "the-secret-of-two-1"

    private static func match(_ client: HubClient, _ job: String, _ secret: String) async throws
      -> HubAnswer
    {
      try await client.request(
        "POST", "/v1/match", bearer: secret,
        text: #"{"job_id": "\#(job)", "requirements": {"service": "whisper"}}"#)
    }

    @Test("A coordinator sees its own jobs alone, with either of its secrets")
    func ownJobs() async throws {
      let client = try suiteHub().client()
      let first = try await Self.match(client, "own", Self.one)
      let second = try await Self.match(client, "own", Self.two)
      for (secret, answer) in [(Self.one, first), (Self.oneAnew, first), (Self.two, second)] {
        let read = try await client.history(of: "own", bearer: secret)
        #expect(read.json?["match_id"] == answer.json?["match_id"])
        #expect(read.json?["earlier"] == .array([]))
      }
      _ = try await Self.match(client, "only-ones", Self.one)
      try await client.history(of: "only-ones", bearer: Self.one).expectOK()
      try await client.history(of: "only-ones", bearer: Self.two)
        .expectProblem(404, "unknown_job")
    }

    @Test("PostgreSQL killed: matches go on and are read later; services are 503 and whole again")
    func killed() async throws {
      let hub = try suiteHub()
      let client = try hub.client()
      let miner = try await LiveMiner.register("fh-1", capability: "fh", at: client)
      let priced = #""enabled": true, "pricing": {"price_token_per_ksec": 0.1}"#
      try await miner.service("POST", "whisper", priced).expectOK()
      let before = try await Self.match(client, "fh-before", Self.one)
      #expect(before.candidate(miner.id)?["price"] == .number("0.1"))
      // Stopped first, so that what follows meets no PostgreSQL; then killed, and started anew by `dev`.
      var during: [String: HubAnswer] = [:]
      try await hub.whileStopped("postgres") {
        for number in 1...30 {
          let job = "fh-during-\(number)"
          let answer = try await Self.match(client, job, Self.one)
          #expect(answer.candidate(miner.id)?["price"] == .number("0.1"))
          during[job] = answer
        }
        let slots = #""max_concurrent": 2"#
        for (method, fields) in [("GET", nil), ("POST", slots), ("PATCH", slots), ("DELETE", nil)] {
          try await miner.service(method, "whisper", fields)
            .expectProblem(503, "store_unavailable", retries: true)
        }
        try await miner.service("POST", "validate/whisper", "")
          .expectProblem(503, "store_unavailable", retries: true)
        try await client.history(of: "fh-before", bearer: Self.one)
          .expectProblem(503, "store_unavailable", retries: true)
        #expect(try await client.request("GET", "/v1/services/templates/ffmpeg").status == 200)
        try hub.signal("postgres", 9)
      }
      try await eventually("services are there again, as they were", within: .seconds(60)) {
        let shown = try await miner.service("GET", "whisper")
        guard shown.status == 200 else { return false }
        #expect(shown.json?["max_concurrent"]?.int == 1)
        return true
      }
      try await eventually("all that was answered meanwhile reads", within: .seconds(60)) {
        for (job, answer) in during {
          let read = try await client.history(of: job, bearer: Self.one)
          guard read.status == 200 else { return false }
          #expect(read.json?["match_id"] == answer.json?["match_id"])
          #expect(read.json?["candidates"] == answer.json?["candidates"])
        }
        return true
      }
      let kept = try await client.history(of: "fh-before", bearer: Self.one)
      #expect(kept.json?["candidates"] == before.json?["candidates"])
      try await miner.service("PATCH", "whisper", #""enabled": false"#).expectOK()
      #expect(try await Self.match(client, "fh-after", Self.one).candidates.isEmpty)
    }
  }
}
