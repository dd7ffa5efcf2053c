import Foundation
import JSON
import Simulation
import Testing

extension RunningProcesses.Contract {
  @Suite("The two ways in") struct WaysIn {
    private static let job = #"{"job_id": "j", "top_k": 2, "hints": {"region": "ways"}}"#

    @Test(
      "Answers are alike, headers and all",
      arguments: [
        job, #"{"job_id": "j\u0041", "later": [1, {"x": null}]}"#, #"{"job_id": ""}"#, "{", "",
        #"{"job_id": "j", "top_k": 0, "explain": "why", "hints": 5}"#, "[]",
        #"{"job_id": "j", "explain": "full", "hints": {"region": "ways", "max_price": 1e-3}}"#,
        #"{"job_id": "j", "hints": {"deadline_ms": 60000, "region": "no such region"}}"#,
      ])
    func alike(_ body: String) async throws {
      let corner = try Corner("ways")
      try await corner.register("1", #""addr": "a:1""#)
      try await corner.register("2", #""price_token_per_ksec": 0.5"#)
      var answers: [HubAnswer] = []
      for way in WayIn.allCases {
        answers.append(
          try await corner.client.request(
            "POST", way.path(of: "/v1/match"), bearer: corner.client.coordinatorSecret,
            headers: [("X-Request-ID", "ways-1")], text: body))
      }
      let (direct, routed) = (answers[0], answers[1])
      #expect(direct.status == routed.status)
      #expect(Self.sameHeaders(direct) == Self.sameHeaders(routed))
      #expect(Self.members(direct) == Self.members(routed))
      #expect(direct.header("X-Request-ID") == "ways-1")
      #expect(direct.header("Date")?.hasSuffix(" GMT") == true)
      #expect(direct.header("Date")?.utf8.count == routed.header("Date")?.utf8.count)
    }

    @Test(
      "Answers to feedback are alike, headers and all",
      arguments: [
        #"{"job_id": "j", "miner_id": "ways-fb-1", "outcome": "completed", "latency_ms": 1.5}"#,
        #"{"job_id": "\u006a", "miner_id": "ways-fb-1", "outcome": "failed", "later": [1]}"#,
        #"{"job_id": "j", "miner_id": "ways-fb-0", "outcome": "accepted", "fail_code": ""}"#,
        #"{"job_id": "j", "miner_id": "ways-fb-1", "outcome": "no", "tokens_spent": -1}"#,
        #"{"job_id": "j", "miner_id": "ways-fb-1", "outcome": "failed", "offer": "pho1.a.b"}"#,
        "{", "[]", "",
      ])
    func feedbackAlike(_ body: String) async throws {
      let corner = try Corner("ways-fb")
      try await corner.register("1")
      func ask(_ way: WayIn) async throws -> HubAnswer {
        try await corner.client.request(
          "POST", way.path(of: "/v1/feedback"), bearer: corner.client.coordinatorSecret,
          headers: [("X-Request-ID", "ways-2")], text: body)
      }
      // The first report is new; the two after it are answered alike, as duplicates.
      _ = try await ask(.routed)
      let (direct, routed) = (try await ask(.direct), try await ask(.routed))
      #expect(direct.status == routed.status)
      #expect(Self.sameHeaders(direct) == Self.sameHeaders(routed))
      #expect(direct.text == routed.text)
    }

    /// Each name with what must be the same.
    private static func sameHeaders(_ answer: HubAnswer) -> [String] {
      answer.headers.map { name, value in
        name.lowercased() == "date" ? "date" : "\(name.lowercased()): \(value)"
      }.sorted()
    }

    private static func members(_ answer: HubAnswer) -> [String] {
      (answer.json?.object?.members ?? []).map { member in
        switch member.name {
        case "match_id": "match_id"
        case "candidates": "\(member.value.array?.map(\.withoutOffer) ?? [])"
        default: "\(member)"
        }
      }
    }

    private func post(
      _ client: HubClient, _ path: String, _ fields: [String] = [], body: String = job,
      version: String = "1.1"
    ) -> String {
      let length =
        fields.contains { $0.hasPrefix("Transfer") }
        ? []
        : [
          "Content-Length: \(body.utf8.count)"
        ]
      let lines = [
        "POST \(path) HTTP/\(version)", "Host: hub",
        "Authorization: Bearer \(client.coordinatorSecret ?? "")",
      ]
      return (lines + length + fields).joined(separator: "\r\n") + "\r\n\r\n" + body
    }

    @Test(
      "Past NIO's decoder and through it, direct matches are answered alike",
      arguments: [
        job, #"{"job_id": ""}"#, "{", "", #"{"job_id": "j", "top_k": 0, "explain": "why"}"#,
      ])
    func pastTheDecoder(_ body: String) async throws {
      let corner = try Corner("ways")
      try await corner.register("1", #""addr": "a:1""#)
      /// The second of three on one connection: its first always goes through the decoder.
      func answer(_ fields: [String]) async throws -> String {
        let around = post(corner.client, "/v1/match")
        let asked = post(
          corner.client, "/v1/match", ["X-Request-ID: ways-3"] + fields, body: body)
        let last = post(corner.client, "/v1/match", ["Connection: close"])
        let text = try await RawHTTP(url: corner.client.baseURL).exchange(around + asked + last)
        let answers = text.components(separatedBy: "HTTP/1.1 ")
        try #require(answers.count == 4, "\(text)")
        return answers[2]
          .replacing(/"(match_id|offer)":"[^"]*"/) { "\($0.output.1)" }
          .replacing(/[Dd]ate: [^\r]*/) { _ in "Date" }
      }
      let past = try await answer([])
      #expect(past.contains("ways-3"))
      // A tab is what plain requests have none of.
      #expect(try await answer(["X-Note: a\tb"]) == past)
    }

    @Test("Many direct matches at once, again and again, get each its own answer")
    func together() async throws {
      let client = try Corner("ways").client
      // Later ones take the places of those before them, on whichever event loop a connection falls.
      for round in 0..<6 {
        let sent = (0..<60).map { number in
          post(client, "/v1/match", body: #"{"job_id": "r\#(round)-\#(number)"}"#)
        }
        let last = post(client, "/v1/match", ["Connection: close"])
        let text = try await RawHTTP(url: client.baseURL).exchange(sent.joined() + last)
        let jobs = text.matches(of: /"job_id":"(r[0-9]+-[0-9]+)"/).map { String($0.output.1) }
        #expect(jobs == (0..<60).map { "r\(round)-\($0)" })
      }
    }

    @Test("Requests of both ways and other paths, all at once, are answered in their order")
    func pipelined() async throws {
      let client = try Corner("ways").client
      var sent = ""
      for number in 0..<60 {
        let path = number % 3 == 2 ? "/v1/match?x" : number % 2 == 0 ? "/v1/match" : "/v1/match/"
        let body = number % 7 == 6 ? "{" : #"{"job_id": "n-\#(number)"}"#
        sent += post(client, path, ["X-Request-ID: n-\(number)"], body: body)
        if number % 5 == 4 { sent += "GET /v1/live HTTP/1.1\r\nHost: hub\r\n\r\n" }
      }
      sent += post(client, "/v1/match", ["X-Request-ID: last", "Connection: close"])
      let text = try await RawHTTP(url: client.baseURL).exchange(sent)
      // A header's name may be written in any case.
      let ids = text.split(separator: "\r\n").filter {
        $0.lowercased().hasPrefix("x-request-id: n-")
      }
      #expect(ids.map { String($0.dropFirst(14)) } == (0..<60).map { "n-\($0)" })
      let jobs = text.matches(of: /"job_id":"n-([0-9]+)"/).map { Int($0.output.1) }
      #expect(jobs == (0..<60).filter { $0 % 7 != 6 })
      #expect(text.components(separatedBy: #"{"status":"ok"}"#).count == 13)
      #expect(text.contains("last"))
    }

    @Test(
      "What is unusual about a head or a body's coming changes nothing",
      arguments: [
        ["Expect: 100-continue"], ["Connection: close"], ["Connection: keep-alive, x"],
        ["Content-Type: application/json; charset=utf-8"], ["Content-Type: a/b+json"],
        ["Accept: */*", "User-Agent: x"], ["Upgrade: h2c", "Connection: upgrade"],
        ["CONTENT-type: application/json", "x-poolhub-key: nobody's"],
      ])
    func unusual(_ fields: [String]) async throws {
      let client = try Corner("ways").client
      var sent = post(client, "/v1/match", fields)
      let isLast = fields.contains { $0 == "Connection: close" || $0 == "Connection: upgrade" }
      if !isLast { sent += post(client, "/v1/match", ["Connection: close"]) }
      let text = try await RawHTTP(url: client.baseURL).exchange(sent)
      #expect(text.components(separatedBy: "HTTP/1.1 200 OK").count == (isLast ? 2 : 3), "\(text)")
    }

    @Test("A chunked body, HTTP/1.0 and a body in many pieces are read")
    func shapes() async throws {
      let client = try Corner("ways").client
      let http = RawHTTP(url: client.baseURL)
      let hex = String(Self.job.utf8.count, radix: 16)
      let chunked = post(
        client, "/v1/match", ["Transfer-Encoding: chunked", "Connection: close"],
        body: "\(hex)\r\n\(Self.job)\r\n0\r\n\r\n")
      #expect(try await http.exchange(chunked).hasPrefix("HTTP/1.1 200 OK"))
      let old = try await http.exchange(post(client, "/v1/match", version: "1.0"))
      #expect(old.contains(" 200 OK\r\n") && old.contains(#""job_id":"j""#), "\(old)")
      let long = #"{"job_id": "j", "note": "\#(String.letters(60_000))"}"#
      let wide = post(client, "/v1/match", body: long) + post(client, "/v1/match", body: long)
      let text = try await http.exchange(wide + post(client, "/v1/match", ["Connection: close"]))
      #expect(text.components(separatedBy: "HTTP/1.1 200 OK").count == 4, "\(text)")
    }

    @Test("Limits hold: length and type, credentials twice, a method that isn't there")
    func limits() async throws {
      let client = try Corner("ways").client
      let http = RawHTTP(url: client.baseURL)
      func status(_ request: String) async throws -> String {
        let live = "GET /v1/live HTTP/1.1\r\nHost: hub\r\nConnection: close\r\n\r\n"
        return String(try await http.exchange(request + live).prefix(12).suffix(3))
      }
      let large = #"{"job_id": "j", "note": "\#(String.letters(66_000))"}"#
      #expect(try await status(post(client, "/v1/match", body: large)) == "413")
      #expect(try await status(post(client, "/v1/match", ["Content-Type: text/plain"])) == "415")
      let twice = "Authorization: Bearer somebody-else"
      #expect(try await status(post(client, "/v1/match", [twice])) == "401")
      for method in ["GET", "HEAD", "PUT"] {
        let request = post(client, "/v1/match").replacing("POST", with: method, maxReplacements: 1)
        #expect(try await status(request) == "405")
      }
    }

    @Test("Both count in the same metrics")
    func metrics() async throws {
      let corner = try Corner("ways-metrics")
      try await corner.register("1")
      func counts() async throws -> [Double] {
        let text = try await corner.client.request("GET", "/metrics").text
        let metrics = PrometheusText(text)
        let http = "poolhub_http_requests_total"
        return [
          metrics.total("poolhub_match_requests_total", ["outcome": "matched"]),
          metrics.total("poolhub_match_requests_total", ["outcome": "refused"]),
          metrics.total(http, ["route": "/v1/match", "status": "2xx"]),
          metrics.total(http, ["route": "/v1/match", "status": "4xx"]),
          metrics.total(http, ["route": "/v1/feedback", "status": "2xx"]),
          metrics.total(http, ["route": "/v1/feedback", "status": "4xx"]),
          metrics.total("poolhub_feedback_total", ["outcome": "accepted"]),
        ]
      }
      for way in WayIn.allCases {
        try await WayIn.$current.withValue(way) {
          let before = try await counts()
          try await corner.match().expectOK()
          #expect(try await corner.match(body: "{").status == 400)
          try await corner.feedback("1", job: "\(way)", "accepted").expectOK()
          #expect(try await corner.feedback("1", job: "", "accepted").status == 422)
          let after = try await counts()
          #expect(zip(after, before).map { $0 - $1 } == Array(repeating: 1, count: 7), "\(way)")
        }
      }
    }
  }
}
