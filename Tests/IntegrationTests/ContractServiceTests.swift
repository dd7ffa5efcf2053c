import JSON
import Simulation
import TestSupport
import Testing

extension RunningProcesses.Contract {
  @Suite("Service configuration") struct Services {
    static let types = ["blender", "ffmpeg", "llm_inference", "stable_diffusion", "whisper"]

    @Test("From never set through set, changed and gone", arguments: types)
    func life(_ type: String) async throws {
      let corner = try Corner("svc-life-" + type.prefix(2))
      let miner = try await corner.register("1")
      let never = try await miner.service("GET", type)
      never.expectOK()
      #expect(never.header("ETag") == "\"0\"")
      #expect(
        never.json
          == (try json(
            #"""
            {"service_type": "\#(type)", "enabled": false, "config": {}, "pricing": {},
            "capabilities": [], "max_concurrent": 1, "created_at": null, "updated_at": null,
            "version": 0}
            """#)))
      try await miner.service("PATCH", type, #""enabled": true"#)
        .expectProblem(404, "service_never_set")
      try await miner.service("DELETE", type).expectProblem(404, "service_never_set")

      let body = #"""
        "enabled": true, "config": {"a": [1.50, {"b": null}], "é": "x"},
        "pricing": {"price_token_per_ksec": "0.10", "currency": "X"}, "capabilities": ["c", "d"],
        "max_concurrent": 7
        """#
      let made = try await miner.service("POST", type, body)
      made.expectOK()
      #expect(made.json?["service_type"]?.string == type)
      #expect(made.json?["config"] == (try json(#"{"a": [1.50, {"b": null}], "é": "x"}"#)))
      #expect(
        made.json?["pricing"] == (try json(#"{"price_token_per_ksec":"0.10","currency":"X"}"#)))
      #expect(made.json?["capabilities"] == .strings("c", "d"))
      #expect(made.json?["max_concurrent"]?.int == 7 && made.json?["enabled"]?.bool == true)
      #expect(made.json?["created_at"] == made.json?["updated_at"])
      #expect(made.header("ETag") == made.json?["version"]?.int.map { "\"\($0)\"" })
      let shown = try await miner.service("GET", type)
      #expect(shown.json == made.json && shown.header("ETag") == made.header("ETag"))

      let changed = try await miner.service("PATCH", type, #""config": {"a": null, "z": 1}"#)
      #expect(changed.json?["config"] == (try json(#"{"é": "x", "z": 1}"#)))
      for name in ["pricing", "capabilities", "max_concurrent", "enabled", "created_at"] {
        #expect(changed.json?[name] == made.json?[name], "\(name)")
      }
      #expect(changed.header("ETag") != made.header("ETag"))

      let replaced = try await miner.service("POST", type, "")
      replaced.expectOK()
      #expect(replaced.json?["config"] == .object(JSONObject()))
      #expect(replaced.json?["max_concurrent"]?.int == 1)
      #expect(replaced.json?["created_at"] == made.json?["created_at"])

      let gone = try await miner.service("DELETE", type)
      gone.expectOK()
      #expect(gone.json?["message"]?.string?.isEmpty == false)
      #expect(try await miner.service("GET", type).json == never.json)
    }

    @Test("The list shows what is set, by type, and nobody else's")
    func list() async throws {
      let corner = try Corner("svc-list")
      let miner = try await corner.register("1")
      let other = try await corner.register("2")
      #expect(try await miner.services() == [])
      for type in Self.types.reversed() {
        try await miner.service("POST", type, #""max_concurrent": 2"#).expectOK()
      }
      #expect(try await miner.services().map { $0["service_type"]?.string } == Self.types)
      #expect(try await other.services() == [])
      // The other one's changes are the other one's.
      try await other.service("DELETE", "whisper").expectProblem(404, "service_never_set")
      try await other.service("POST", "whisper", #""max_concurrent": 9"#).expectOK()
      #expect(try await miner.service("GET", "whisper").json?["max_concurrent"]?.int == 2)
      #expect(try await miner.status()["services"] == .array([]))
      try await miner.service("PATCH", "ffmpeg", #""enabled": true"#).expectOK()
      #expect(try await miner.status()["services"] == .strings("ffmpeg"))
      // The API key does for all of it.
      let byKey = try await corner.client.request("GET", "/v1/services/", bearer: miner.apiKey)
      #expect(byKey.json?.array?.count == 5)
    }

    @Test("An unknown type is 400 everywhere", arguments: ["nope", "Whisper", "whisper%20", "%00"])
    func unknownType(_ type: String) async throws {
      let miner = try await Corner("svc-unknown").register("1")
      for method in ["GET", "POST", "PATCH", "DELETE"] {
        try await miner.service(method, type, method == "GET" ? nil : "")
          .expectProblem(400, "unknown_service")
      }
      let client = miner.client
      try await client.request("GET", "/v1/services/templates/\(type)")
        .expectProblem(400, "unknown_service")
      try await client.request(
        "POST", "/v1/services/validate/\(type)", bearer: miner.token, text: "{}"
      ).expectProblem(400, "unknown_service")
    }

    @Test("A template can be sent as it is, and is found valid by good hardware", arguments: types)
    func template(_ type: String) async throws {
      let corner = try Corner("svc-template")
      let miner = try await corner.register(
        type,
        #"""
        "gpu_vram_gb": 80, "gpu_name": "NVIDIA A100", "gpu_count": 1, "ram_gb": 256,
        "cpu_cores": 64, "max_parallel": 8
        """#)
      let template = try await corner.client.request("GET", "/v1/services/templates/\(type)/")
      template.expectOK()
      let checked = try await corner.client.request(
        "POST", "/v1/services/validate/\(type)", bearer: miner.token, body: template.body)
      checked.expectOK()
      #expect(checked.json?["valid"]?.bool == true && checked.json?["score"]?.int == 100)
      #expect(checked.json?["performance_impact"]?["level"]?.string == "none")
      let made = try await corner.client.request(
        "POST", "/v1/services/\(type)", bearer: miner.token, body: template.body)
      made.expectOK()
      for name in ["enabled", "config", "pricing", "capabilities", "max_concurrent"] {
        #expect(made.json?[name] == template.json?[name], "\(name)")
      }
    }

    @Test("All templates at once")
    func templates() async throws {
      let client = try Corner("svc-templates").client
      let all = try await client.request("GET", "/v1/services/templates")
      #expect(all.json?.array?.map { $0["service_type"]?.string } == Self.types)
      for template in all.json?.array ?? [] {
        let type = template["service_type"]?.string ?? ""
        #expect(try await client.request("GET", "/v1/services/templates/\(type)").json == template)
      }
    }

    @Test(
      "Bad fields are named, and nothing is stored",
      arguments: [
        (#""enabled": "yes""#, "enabled", "type"), (#""config": []"#, "config", "type"),
        (#""pricing": 7"#, "pricing", "type"), (#""capabilities": "c""#, "capabilities", "type"),
        (#""capabilities": [""]"#, "capabilities[0]", "length"),
        (#""max_concurrent": 0"#, "max_concurrent", "range"),
        (#""max_concurrent": 11"#, "max_concurrent", "range"),
        (#""max_concurrent": 1.5"#, "max_concurrent", "type"),
        (#""config": {"models": "base"}"#, "config.models", "type"),
        (#""config": {"models": [1]}"#, "config.models[0]", "type"),
        (#""config": {"max_duration_sec": 0}"#, "config.max_duration_sec", "range"),
        (#""config": {"max_duration_sec": "9"}"#, "config.max_duration_sec", "type"),
        (#""config": {"x": {"y": "a\u0000"}}"#, "config.x.y", "format"),
        (#""config": {"x\u0000": 1}"#, "config", "format"),
        (#""config": {"x": 1e999}"#, "config.x", "range"),
        (#""config": {"x": "\#(String(repeating: "x", count: 5_000))"}"#, "config.x", "length"),
        (
          #""config": {"x": \#(String(repeating: "[", count: 12))\#(String(repeating: "]", count: 12))}"#,
          "config.x[0][0][0][0][0][0][0][0]", "depth"
        ),
        (#""pricing": {"price_token_per_ksec": -1}"#, "pricing.price_token_per_ksec", "range"),
        (#""pricing": {"per_minute": "cheap"}"#, "pricing.per_minute", "format"),
        (#""pricing": {"per_minute": 0.123456789}"#, "pricing.per_minute", "format"),
      ])
    func badField(_ fields: String, _ field: String, _ code: String) async throws {
      let miner = try await Corner("svc-bad").register("1")
      for path in ["whisper", "validate/whisper"] {
        try await miner.service("POST", path, fields).expectBadField(field, code)
      }
      try await miner.service("POST", "whisper", "").expectOK()
      let before = try await miner.service("GET", "whisper").json
      try await miner.service("PATCH", "whisper", fields).expectBadField(field, code)
      #expect(try await miner.service("GET", "whisper").json == before)
      try await miner.service("DELETE", "whisper").expectOK()
    }

    @Test("What many patches add up to has its limits, too")
    func mergedLimits() async throws {
      let miner = try await Corner("svc-merged").register("1")
      try await miner.service("POST", "whisper", "").expectOK()
      func patch(_ round: Int) async throws -> HubAnswer {
        let members = (0..<100).map { "\"m\(round)-\($0)\": 1" }.joined(separator: ",")
        return try await miner.service("PATCH", "whisper", "\"config\": {\(members)}")
      }
      try await patch(1).expectOK()
      try await patch(2).expectBadField("config", "length")
      #expect(
        try await miner.service("GET", "whisper").json?["config"]?.object?.members.count == 100)
    }

    @Test("A body over 64 KiB is 413")
    func tooLarge() async throws {
      let miner = try await Corner("svc-large").register("1")
      let text = #""config": {"x": "\#(String(repeating: "x", count: 65_536))"}"#
      for method in ["POST", "PATCH"] {
        try await miner.service(method, "whisper", text).expectProblem(413, "too_large")
      }
    }

    @Test("If-Match: a stale write is 412 and changes nothing")
    func ifMatch() async throws {
      let miner = try await Corner("svc-etag").register("1")
      func write(_ method: String, _ tag: String, _ slots: Int) async throws -> HubAnswer {
        try await miner.service(
          method, "whisper", #""max_concurrent": \#(slots)"#, headers: [("If-Match", tag)])
      }
      try await write("POST", "*", 2).expectProblem(412, "precondition_failed")
      try await write("POST", "\"17\"", 2).expectProblem(412, "precondition_failed")
      let first = try await write("POST", "\"0\"", 2)
      first.expectOK()
      let tag = try #require(first.header("ETag"))
      try await write("POST", "\"0\"", 3).expectProblem(412, "precondition_failed")
      let second = try await write("PATCH", "\"x\", \(tag)", 4)
      second.expectOK()
      for stale in [tag, "\"0\"", "W/" + (second.header("ETag") ?? ""), "nonsense", ""] {
        for method in ["POST", "PATCH", "DELETE"] {
          try await write(method, stale, 5).expectProblem(412, "precondition_failed")
        }
      }
      #expect(try await miner.service("GET", "whisper").json == second.json)
      try await write("DELETE", "*", 5).expectOK()
      // What is made anew is not what was there before.
      try await write("POST", "\"0\"", 6).expectOK()
      try await write("PATCH", second.header("ETag") ?? "", 7)
        .expectProblem(412, "precondition_failed")
    }

    @Test("Of many that write at once with one If-Match, one gets through")
    func raceForTag() async throws {
      let corner = try Corner("svc-race-tag")
      let miner = try await corner.register("1")
      var tag = "\"0\""
      for _ in 1...5 {
        let held = tag
        let answers = try await together(16) { number in
          try await miner.at(number % 2).service(
            "POST", "ffmpeg", #""config": {"by": \#(number)}"#,
            headers: [("If-Match", held)])
        }
        let good = answers.filter { $0.status == 200 }
        #expect(good.count == 1)
        #expect(answers.count { $0.status == 412 } == 15)
        tag = good.first?.header("ETag") ?? ""
        #expect(try await miner.service("GET", "ffmpeg").json == good.first?.json)
      }
    }

    @Test("Of many that change different things at once none is lost, and there is one row")
    func raceOfPatches() async throws {
      let corner = try Corner("svc-race-patch")
      let miner = try await corner.register("1")
      let made = try await together(8) { number in
        try await miner.at(number % 2).service("POST", "blender", #""capabilities": ["x"]"#)
      }
      #expect(made.allSatisfy { $0.status == 200 })
      #expect(try await miner.services().count == 1)
      let answers = try await together(32) { number in
        let fields =
          switch number {
          case 0: #""enabled": true"#
          case 1: #""max_concurrent": 5"#
          case 2: #""pricing": {"per_frame": 2}"#
          default: #""config": {"m\#(number)": \#(number)}"#
          }
        return try await miner.at(number % 2).service("PATCH", "blender", fields)
      }
      #expect(answers.allSatisfy { $0.status == 200 })
      #expect(Set(answers.map { $0.header("ETag") }).count == 32)
      let held = try await miner.service("GET", "blender").json
      #expect(held?["enabled"]?.bool == true && held?["max_concurrent"]?.int == 5)
      #expect(held?["pricing"]?["per_frame"]?.int == 2)
      #expect(held?["capabilities"] == .strings("x"))
      for number in 3..<32 { #expect(held?["config"]?["m\(number)"]?.int == number) }
    }

    private func json(_ text: String) throws -> JSONValue { try JSONValue.parse(Array(text.utf8)) }
  }
}

extension LiveMiner {
  /// - Parameter fields: members of the body; nil: no body.
  func service(
    _ method: String, _ path: String, _ fields: String? = nil, headers: [(String, String)] = []
  ) async throws -> HubAnswer {
    try await client.request(
      method, "/v1/services/\(path)", bearer: token, headers: headers,
      body: fields.map { Array("{\($0)}".utf8) })
  }

  /// Its list.
  func services() async throws -> [JSONValue] {
    let answer = try await client.request("GET", "/v1/services", bearer: token)
    guard let list = answer.json?.array else { throw Refused(answer: answer) }
    return list
  }

  /// The same miner at another gateway.
  func at(_ gateway: Int) throws -> LiveMiner {
    LiveMiner(
      id: id, apiKey: apiKey, token: token, client: try suiteHub().client(gateway: gateway))
  }
}

/// Does the same so many times at once.
func together<Value: Sendable>(
  _ count: Int, _ body: @Sendable @escaping (Int) async throws -> Value
) async throws -> [Value] {
  try await withThrowingTaskGroup(of: Value.self) { group in
    for number in 0..<count { group.addTask { try await body(number) } }
    return try await group.reduce(into: []) { $0.append($1) }
  }
}
