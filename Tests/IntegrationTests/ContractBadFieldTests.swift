import JSON
import Simulation
import Testing

extension RunningProcesses.Contract {
  @Suite("Bad fields") struct BadFields {
    private static let inRegistrations: [BadField] =
      badNames + [BadField(#""miner_id": null"#, "miner_id", "required")]
      + badText("api_key", over: 256)
      + [
        BadField(#""api_key": null"#, "api_key", "required"),
        BadField(#""api_key": "\#(String.letters(15))""#, "api_key", "length"),
        BadField(#""addr": "a b""#, "addr", "format"),
        BadField(#""proto": "ftp""#, "proto", "value"),
        BadField(#""proto": "HTTP""#, "proto", "value"), BadField(#""proto": 1"#, "proto", "type"),
        BadField(#""chain_id": true"#, "chain_id", "type"),
      ]
      + badText("addr", over: 256)
      + badText("gpu_name", over: 128) + badText("region", over: 128)
      + badText("wallet_address", over: 128)
      + badNumber("gpu_vram_gb", outside: "-0.5", "1000001")
      + badNumber("gpu_vram", outside: "-0.5") + badNumber("ram_gb", outside: "-1")
      + badNumber("gpu_count", outside: "-1", "1025", isWhole: true)
      + badNumber("cpu_cores", outside: "-1", "65537", isWhole: true)
      + badNumber("max_parallel", outside: "0", "-1", "65537", isWhole: true)
      + badPrice("price_token_per_ksec") + badPrice("base_price")
      + badList("accel") + badList("capabilities") + badTags

    @Test(
      "A bad field of a registration is refused, and nothing is stored", arguments: inRegistrations)
    func register(_ bad: BadField) async throws {
      let corner = try Corner("bad-new")
      let answer = try await corner.tryRegister("1", bad.member)
      answer.expectBadField(bad.field, bad.code)
      #expect(try await corner.listed().json?["miners"] == .array([]))
    }

    @Test("A bad field keeps the good ones beside it from being stored")
    func nothingOfIt() async throws {
      let corner = try Corner("bad-part")
      let miner = try await corner.register("1", #""price_token_per_ksec": 1, "gpu_count": 1"#)
      try await miner.update(#""queue_len": 1"#).expectOK()
      let before = try await miner.status()
      try await corner.tryRegister("1", #""price_token_per_ksec": 2, "gpu_count": -2"#)
        .expectBadField("gpu_count", "range")
      try await miner.update(#""price_token_per_ksec": 2, "queue_len": 0, "busy": 1"#)
        .expectBadField("busy", "type")
      try await miner.beat(#""queue_len": 0, "temp_c": "hot""#).expectBadField("temp_c", "type")
      #expect(try await miner.status() == before)
    }

    @Test("All bad fields are told at once")
    func allAtOnce() async throws {
      let answer = try await Corner("bad-all").tryRegister(
        "1", #""api_key": "short", "gpu_count": -1, "proto": "x", "tags": [1, ""], "addr": 1"#)
      answer.expectProblem(422, "invalid_fields")
      let expected = [
        "api_key": "length", "gpu_count": "range", "proto": "value", "tags[0]": "type",
        "tags[1]": "length", "addr": "type",
      ]
      #expect(answer.fieldErrors == expected)
    }

    private static let inUpdates: [BadField] =
      badMeasurements + badPrice("price_token_per_ksec") + badTags + badList("capabilities")
      + badNumber("max_parallel", outside: "0", isWhole: true)

    @Test("A bad field of an update", arguments: inUpdates)
    func update(_ bad: BadField) async throws {
      let miner = try await Corner("bad-update").register("1")
      try await miner.update(bad.member).expectBadField(bad.field, bad.code)
    }

    private static let inHeartbeats: [BadField] =
      badMeasurements.map { bad in
        // What is wrong stands beside what every heartbeat has.
        if bad.field == "queue_len" { return bad }
        return BadField(#""queue_len": 0, "# + bad.member, bad.field, bad.code)
      } + [
        BadField("", "queue_len", "required"),
        BadField(#""queue_len": null"#, "queue_len", "required"),
        BadField(#""queue_len": 0, "ts": true"#, "ts", "type"),
        BadField(#""queue_len": 0, "seq": -1"#, "seq", "range"),
        BadField(#""queue_len": 0, "seq": "1""#, "seq", "type"),
        BadField(#""status": "active", "gpu_utilization": 101"#, "gpu_utilization", "range"),
        BadField(
          #""status": "active", "network_latency_ms": -1"#, "network_latency_ms", "range"),
        BadField(
          #""status": "active", "memory_used": 2, "memory_total": 1"#, "memory_used", "range"),
      ]

    @Test("A bad field of a heartbeat", arguments: inHeartbeats)
    func heartbeat(_ bad: BadField) async throws {
      let miner = try await Corner("bad-beat").register("1")
      try await miner.beat(bad.member).expectBadField(bad.field, bad.code)
    }
  }

  @Suite("Bad fields of coordinators and operators") struct BadFieldsOfOthers {
    private static let inMatches: [BadField] =
      badText("job_id", over: 64)
      + [
        BadField(#""job_id": null"#, "job_id", "required"),
        BadField(#""job_id": """#, "job_id", "length"),
        BadField(#""requirements": 5"#, "requirements", "type"),
        BadField(#""requirements": []"#, "requirements", "type"),
        BadField(#""hints": "eu""#, "hints", "type"),
        BadField(#""explain": "loud""#, "explain", "value"),
        BadField(#""explain": true"#, "explain", "type"),
        BadField(#""exclude": ["a b"]"#, "exclude[0]", "format"),
      ]
      + badNumber("top_k", outside: "0", "-1", "51", isWhole: true)
      + badList("exclude", limit: 64)
      + inside("requirements", badText("task", name: "requirements.task", over: 128))
      + inside("requirements", badText("service", name: "requirements.service", over: 128))
      + ["min_vram_gb", "min_ram_gb"].flatMap {
        inside("requirements", badNumber($0, name: "requirements.\($0)", outside: "-1"))
      }
      + inside(
        "requirements",
        badNumber("min_trust", name: "requirements.min_trust", outside: "-0.1", "1.1"))
      + ["accel", "tags_any", "tags_all", "capabilities_any", "capabilities_all"].flatMap {
        inside("requirements", badList($0, name: "requirements.\($0)"))
      }
      + inside("hints", badText("region", name: "hints.region", over: 128))
      + inside("hints", badPrice("max_price", name: "hints.max_price"))
      + inside(
        "hints",
        badNumber("deadline_ms", name: "hints.deadline_ms", outside: "0", "60001", isWhole: true))

    private static func inside(_ object: String, _ fields: [BadField]) -> [BadField] {
      fields.map { BadField(#""\#(object)": {\#($0.member)}"#, $0.field, $0.code) }
    }

    @Test("A bad field of a match", .bothWaysIn, arguments: inMatches)
    func match(_ bad: BadField) async throws {
      let body = Corner.object(#""job_id": "j""#, bad.member)
      try await Corner("bad-match").match(body: body).expectBadField(bad.field, bad.code)
    }

    private static let inFeedback: [BadField] =
      badText("job_id", over: 64) + badNames
      + [
        BadField(#""job_id": null"#, "job_id", "required"),
        BadField(#""job_id": """#, "job_id", "length"),
        BadField(#""miner_id": null"#, "miner_id", "required"),
        BadField(#""outcome": null"#, "outcome", "required"),
        BadField(#""outcome": "great""#, "outcome", "value"),
        BadField(#""outcome": "Completed""#, "outcome", "value"),
        BadField(#""outcome": 1"#, "outcome", "type"),
      ]
      + badText("fail_code", over: 128) + badNumber("latency_ms", outside: "-1", "86400001")
      + badPrice("tokens_spent")

    @Test("A bad field of feedback", .bothWaysIn, arguments: inFeedback)
    func feedback(_ bad: BadField) async throws {
      let corner = try Corner("bad-feedback")
      // The miner is known, so that only the field can be what is wrong.
      try await corner.register("1")
      try await corner.feedback("1", job: "j", "completed", bad.member)
        .expectBadField(bad.field, bad.code)
    }

    @Test("A bad Idempotency-Key", .bothWaysIn, arguments: ["", .letters(256), "caf\u{E9}"])
    func idempotencyKey(_ key: String) async throws {
      let corner = try Corner("bad-key")
      let miner = try await corner.register("1")
      try await corner.feedback("1", job: "j", "completed", key: key)
        .expectBadField("Idempotency-Key", "format")
      #expect(try await miner.status()["trust_score"]?.double == 0.5)
    }

    private static let inOverrides: [BadField] =
      badPrice("price") + badText("reason", over: 256)
      + [
        BadField(#""price": null"#, "price", "required"),
        BadField(#""reason": null"#, "reason", "required"),
        BadField(#""reason": """#, "reason", "length"),
        BadField(#""expires_at": "2001-01-01T00:00:00Z""#, "expires_at", "range"),
        BadField(#""expires_at": "tomorrow""#, "expires_at", "format"),
        BadField(#""expires_at": "2099-01-31""#, "expires_at", "format"),
        BadField(#""expires_at": "2099-01-31T12:00:00""#, "expires_at", "format"),
        BadField(#""expires_at": "2099-02-30T12:00:00Z""#, "expires_at", "format"),
        BadField(#""expires_at": "2099-13-01T12:00:00Z""#, "expires_at", "format"),
        BadField(#""expires_at": "2099-01-31T25:00:00Z""#, "expires_at", "format"),
        BadField(#""expires_at": "2099-01-31T12:00:00Zulu""#, "expires_at", "format"),
        BadField(#""expires_at": """#, "expires_at", "length"),
        BadField(#""expires_at": 1893456000"#, "expires_at", "type"),
      ]

    @Test("A bad field of a price override", arguments: inOverrides)
    func priceOverride(_ bad: BadField) async throws {
      let corner = try Corner("bad-override")
      let miner = try await corner.register("1")
      try await corner.setPrice(of: "1", Corner.members(#""price": 1, "reason": "r""#, bad.member))
        .expectBadField(bad.field, bad.code)
      #expect(try await miner.status()["price_override"] == nil)
    }

    private static let inListings: [(String, String, String)] = [
      ("limit", "0", "range"), ("limit", "1001", "range"), ("limit", "-1", "range"),
      ("limit", "ten", "type"), ("limit", "1.5", "type"), ("limit", "1e9", "range"),
      ("cursor", "a b", "format"), ("cursor", "x\u{0}", "format"),
      ("cursor", .letters(65), "format"), ("online", "maybe", "type"),
      ("min_trust", "2", "range"), ("min_trust", "high", "type"), ("min_trust", "NaN", "type"),
      ("region", .letters(129), "length"), ("capability", .letters(129), "length"),
      ("region", "\u{0}", "format"), ("q", "\u{0}", "format"), ("q", .letters(65), "length"),
    ]

    @Test("A bad parameter of the listing", arguments: inListings)
    func listing(_ name: String, _ value: String, _ code: String) async throws {
      try await Corner("bad-list").client.miners([(name, value)]).expectBadField(name, code)
    }
  }

  @Suite("What is no JSON, or no object") struct BadBodies {
    private static let noJSON: [String] = [
      "", " ", "{", "nonsense", "NaN", #"{"a": NaN}"#, #"{"a": Infinity}"#, #"{"a": 1,}"#,
      #"{"a": 01}"#, #"{"a": .5}"#, #"{'a': 1}"#, #"{"a": "\x"}"#, #"{"a": "\ud800"}"#, "{} {}",
      "{\"a\": \"\u{1}\"}", String(repeating: "[", count: 40), #"{"a": 1} // x"#,
    ]

    @Test("400 for what is no JSON", .bothWaysIn, arguments: noJSON)
    func notJSON(_ body: String) async throws {
      let corner = try Corner("bad-json")
      let miner = try await corner.register("1")
      for (path, bearer) in try Self.paths(corner.client, miner) {
        let method = path.hasSuffix("override") ? "PUT" : "POST"
        try await corner.client.request(method, path, bearer: bearer, text: body)
          .expectProblem(400, "not_json")
      }
    }

    @Test("400 for what is no UTF-8")
    func notUTF8() async throws {
      let body = Array(#"{"miner_id": ""#.utf8) + [0xFF, 0xC0] + Array(#""}"#.utf8)
      try await Corner("bad-utf8").client.register(body).expectProblem(400, "not_json")
    }

    @Test(
      "422 for JSON that is no object", .bothWaysIn,
      arguments: ["[]", "[{}]", "5", #""x""#, "null", "true"])
    func noObject(_ body: String) async throws {
      let corner = try Corner("bad-object")
      let miner = try await corner.register("1")
      for (path, bearer) in try Self.paths(corner.client, miner) {
        let method = path.hasSuffix("override") ? "PUT" : "POST"
        try await corner.client.request(method, path, bearer: bearer, text: body)
          .expectBadField("", "type")
      }
    }

    private static func paths(
      _ client: HubClient, _ miner: LiveMiner
    ) throws -> [(String, String)] {
      let (coordinator, admin) = (client.coordinatorSecret ?? "", client.adminSecret ?? "")
      return [
        ("/v1/miners/register", miner.token), ("/v1/miners/update", miner.token),
        ("/v1/miners/heartbeat", miner.token), (WayIn.current.path(of: "/v1/match"), coordinator),
        (WayIn.current.path(of: "/v1/feedback"), coordinator),
        ("/v1/miners/\(miner.id)/price-override", admin),
      ]
    }
  }
}
