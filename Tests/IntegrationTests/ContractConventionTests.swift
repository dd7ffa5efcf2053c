import JSON
import Simulation
import TestSupport
import Testing

extension RunningProcesses.Contract {
  @Suite("Conventions") struct Conventions {
    @Test("Every path works with and without a trailing slash", arguments: ContractPath.all)
    func trailingSlash(_ path: ContractPath) async throws {
      let corner = try Corner("conv-slash")
      for suffix in ["", "/", path.method == "GET" ? "/?x=1" : "/"] {
        // A logout is the end of a token.
        let miner = try await corner.register("1")
        let answer = try await path.ask(
          corner.client, miner: miner.id, bearer: path.bearer(corner.client, miner),
          suffix: suffix)
        #expect(answer.status == (path.reach == .noUpgrade ? 426 : 200), "\(answer.text)")
      }
    }

    private static let wrongMethods: [(path: String, method: String)] =
      ContractPath.methodsByPath.sorted { $0.key < $1.key }.flatMap { path, good in
        ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"].filter { !good.contains($0) }
          .map { (path, $0) }
      }

    @Test("A wrong method is 405, and Allow says which are right", arguments: wrongMethods)
    func wrongMethod(_ path: String, _ method: String) async throws {
      let client = try Corner("conv-405").client
      for suffix in ["", "/"] {
        let answer = try await client.request(
          method, path.replacing("MINER", with: "m") + suffix, bearer: client.adminSecret)
        #expect(answer.status == 405)
        let allowed = (answer.header("Allow") ?? "").split(separator: ",").map {
          String($0.drop { $0 == " " })
        }
        #expect(Set(allowed) == ContractPath.methodsByPath[path])
        #expect(Set(allowed).count == allowed.count)
        if method != "HEAD" { answer.expectProblem(405, "method_not_allowed") }
      }
    }

    @Test(
      "404 where there is nothing, whatever the method",
      arguments: [
        "/nothing", "/v1", "/v2/match", "/v1/miners/x", "/v1/miners/x/y", "/v1/match/x",
        "/v1/miners/lease", "/v1/MATCH", "/v1/miners/x/price-overrides", "/v1/miners/%00/y",
      ])
    func notFound(_ path: String) async throws {
      let client = try Corner("conv-404").client
      for method in ["GET", "POST", "DELETE"] {
        try await client.request(method, path).expectProblem(404, "not_found")
      }
      #expect(try await client.request("HEAD", path).status == 404)
    }

    @Test(
      "A sane X-Request-ID comes back",
      arguments: [
        "a", "req-1", "0198c1d4-7e1c-7000-8000-000000000000", "A.b_c:d-9", .letters(128),
      ])
    func requestID(_ id: String) async throws {
      for answer in try await Self.answers(requestID: id) {
        #expect(answer.header("X-Request-ID") == id)
        if answer.status >= 400 { #expect(answer.json?["request_id"]?.string == id) }
      }
    }

    @Test(
      "Any other X-Request-ID is replaced, and no two are the same",
      arguments: [nil, "", "a b", "<script>", "a/b", "caf\u{E9}", "{}", .letters(129)])
    func madeRequestID(_ id: String?) async throws {
      var made: Set<String> = []
      for answer in try await Self.answers(requestID: id) {
        let new = try #require(answer.header("X-Request-ID"))
        #expect(new != id && !new.isEmpty)
        #expect(new.utf8.allSatisfy { $0 > 0x20 && $0 < 0x7F })
        #expect(made.insert(new).inserted)
        if answer.status >= 400 { #expect(answer.json?["request_id"]?.string == new) }
      }
    }

    /// Answers of all kinds: good ones, and errors of every layer.
    private static func answers(requestID: String?) async throws -> [HubAnswer] {
      let client = try Corner("conv-id").client
      let headers = requestID.map { [("X-Request-ID", $0)] } ?? []
      let requests = [
        ("GET", "/v1/live", nil), ("GET", "/nothing", nil), ("PUT", "/v1/match", nil),
        ("GET", "/v1/miners/status", nil), ("POST", "/v1/miners/register", "{"),
        ("POST", "/v1/miners/register", "{}"), ("GET", "/v1/miners/heartbeat", nil),
      ]
      var answers: [HubAnswer] = []
      for (method, path, body) in requests {
        answers.append(
          try await client.request(
            method, path, headers: headers, body: body.map { Array($0.utf8) }))
      }
      #expect(answers.map(\.status) == [200, 404, 405, 401, 400, 422, 426])
      return answers
    }

    @Test("Errors are problem documents")
    func problemShape() async throws {
      let answer = try await Corner("conv-problem").client.request(
        "POST", "/v1/miners/register", headers: [("X-Request-ID", "shape")],
        text: #"{"miner_id": "m", "api_key": "short"}"#)
      answer.expectProblem(422, "invalid_fields")
      let expected = #"""
        {"type": "urn:poolhub:problem:invalid_fields", "title": "Unprocessable Content",
        "status": 422, "detail": "these fields are wrong: api_key", "code": "invalid_fields",
        "request_id": "shape", "errors": [{"field": "api_key", "code": "length",
        "detail": "api_key must have 16 to 256 bytes of UTF-8"}]}
        """#
      #expect(answer.json == (try JSONValue.parse(Array(expected.utf8))))
    }

    @Test("401 says how to do better")
    func challenge() async throws {
      let answer = try await Corner("conv-401").client.request("GET", "/v1/miners/status")
      answer.expectProblem(401, "unauthorized")
      #expect(answer.header("WWW-Authenticate")?.hasPrefix("Bearer") == true)
    }

    @Test("GET on the heartbeat's path without an upgrade is 426")
    func upgradeRequired() async throws {
      let answer = try await Corner("conv-426").client.request("GET", "/v1/miners/heartbeat")
      answer.expectProblem(426, "upgrade_required")
      #expect(answer.header("Upgrade") == "websocket")
    }
  }

  @Suite("Bodies") struct Bodies {
    private static let withBody = ContractPath.all.filter { $0.body != nil }

    @Test("415 for a body that says it is no JSON", arguments: withBody)
    func mediaType(_ path: ContractPath) async throws {
      let corner = try Corner("body-415")
      let miner = try await corner.register("1")
      for type in ["text/plain", "application/x-www-form-urlencoded", "application/jsonx", "json"] {
        let answer = try await path.ask(
          corner.client, miner: miner.id, bearer: path.bearer(corner.client, miner),
          headers: [("Content-Type", type)])
        answer.expectProblem(415, "unsupported_media_type")
      }
    }

    @Test(
      "JSON may be named in any sound way",
      arguments: [
        "application/json", "application/json; charset=utf-8", "APPLICATION/JSON",
        "application/json ;charset=UTF-8", "application/vnd.poolhub+json",
      ])
    func jsonType(_ type: String) async throws {
      let client = try Corner("body-json").client
      try await client.request(
        "POST", "/v1/match", bearer: client.coordinatorSecret, headers: [("Content-Type", type)],
        text: #"{"job_id": "j"}"#
      ).expectOK()
    }

    @Test("64 KiB are taken (of a batch 1 MiB), and a byte more is 413", arguments: withBody)
    func size(_ path: ContractPath) async throws {
      let corner = try Corner("body-413")
      let miner = try await corner.register("1")
      let bearer = path.bearer(corner.client, miner)
      let body = Array((path.body ?? "").replacing("MINER", with: miner.id).utf8)
      let target = path.path.replacing("MINER", with: miner.id)
      let padded = body + [UInt8](repeating: 0x20, count: path.bodyLimit + 1 - body.count)
      try await corner.client.request(path.method, target, bearer: bearer, body: padded)
        .expectProblem(413, "too_large")
      try await corner.client.request(
        path.method, target, bearer: bearer, body: padded.dropLast()
      ).expectOK()
    }

    @Test("413 also for chunks that say no length")
    func chunks() async throws {
      let client = try Corner("body-chunks").client
      let raw = RawHTTP(url: client.baseURL)
      func request(_ count: Int) -> String {
        let body = #"{"job_id": "j"}"# + String(repeating: " ", count: count - 15)
        return """
          POST /v1/match HTTP/1.1\r\nHost: hub\r\nConnection: close\r
          Authorization: Bearer \(client.coordinatorSecret ?? "")\r
          Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r
          \(String(count, radix: 16))\r\n\(body)\r\n0\r\n\r\n
          """
      }
      #expect(try await raw.exchange(request(65_537)).hasPrefix("HTTP/1.1 413 "))
      #expect(try await raw.exchange(request(65_536)).hasPrefix("HTTP/1.1 200 "))
    }

    @Test("411 for a body that gives no length", arguments: withBody)
    func noLength(_ path: ContractPath) async throws {
      // These may come without any body.
      if path.path.hasSuffix("/renew") || path.path.hasSuffix("/logout") { return }
      let corner = try Corner("body-411")
      let miner = try await corner.register("1")
      let bearer = path.bearer(corner.client, miner) ?? ""
      let target = path.path.replacing("MINER", with: miner.id)
      let answer = try await RawHTTP(url: corner.client.baseURL).exchange(
        """
        \(path.method) \(target) HTTP/1.1\r\nHost: hub\r\nConnection: close\r
        Authorization: Bearer \(bearer)\r\n\r\n
        """)
      #expect(answer.hasPrefix("HTTP/1.1 411 "), "\(answer)")
      #expect(answer.contains(#""code":"length_required""#))
    }
  }

  @Suite("HEAD") struct Heads {
    private static let targets: [(path: String, status: Int)] = [
      ("/v1/health", 200), ("/health", 200), ("/v1/live", 200), ("/v1/metrics", 200),
      ("/metrics", 200), ("/v1/miners/status", 200), ("/v1/miners", 200), ("/v1/live/", 200),
      // Errors have no body either.
      ("/v1/miners/heartbeat", 426), ("/nothing", 404), ("/v1/match", 405),
      ("/v1/miners/lease/renew", 405), ("/v1/miners?limit=0", 422),
    ]

    @Test("HEAD answers as GET does, with no body", arguments: targets)
    func noBody(_ path: String, _ status: Int) async throws {
      let corner = try Corner("head")
      let miner = try await corner.register("1")
      let bearer =
        path.hasPrefix("/v1/miners/status") ? miner.token : corner.client.adminSecret ?? ""
      // What follows on the same connection shows that nothing came behind the head.
      let text = try await RawHTTP(url: corner.client.baseURL).exchange(
        """
        HEAD \(path) HTTP/1.1\r\nHost: hub\r\nAuthorization: Bearer \(bearer)\r\n\r
        GET /v1/live HTTP/1.1\r\nHost: hub\r\nConnection: close\r\n\r\n
        """)
      #expect(text.hasPrefix("HTTP/1.1 \(status) "), "\(text)")
      let end = try #require(text.firstRange(of: "\r\n\r\n"))
      #expect(text[end.upperBound...].hasPrefix("HTTP/1.1 200 "), "\(text)")
      #expect(text[..<end.lowerBound].lowercased().contains("\r\nx-request-id: "))
    }

    @Test("HEAD changes nothing")
    func noEffect() async throws {
      let corner = try Corner("head-effect")
      let miner = try await corner.register("1")
      let before = try await miner.status()
      for path in ["/v1/miners/status", "/v1/miners/lease/renew", "/v1/miners/heartbeat"] {
        let answer = try await corner.client.request("HEAD", path, bearer: miner.token)
        #expect(answer.body.isEmpty)
      }
      #expect(try await miner.status() == before)
    }
  }
}
