import JSON
import Simulation
import Testing

extension RunningProcesses.Contract {
  @Suite("Limits and texts") struct Limits {
    @Test(
      "What is just within the limits is taken",
      arguments: [
        #""addr": "\#(String.letters(256))""#, #""gpu_name": "\#(String.letters(128))""#,
        #""accel": \#(listOfNames(256))"#, #""tags": \#(listOfNames(256))"#,
        #""capabilities": \#(listOfNames(256))"#, #""capabilities": ["\#(String.letters(128))"]"#,
        #""tags": {"k": "\#(String.letters(126))"}"#, #""max_parallel": 65536"#,
        #""gpu_count": 1024"#, #""gpu_count": 2.0"#, #""ram_gb": 1000000"#, #""gpu_vram": 0"#,
        #""price_token_per_ksec": 1e9"#, #""price_token_per_ksec": 0.100000000000"#,
        #""wallet_address": """#, #""region": "\#(String.letters(128))""#,
      ])
    func within(_ fields: String) async throws {
      let corner = try Corner("limit")
      try await corner.tryRegister("1", fields).expectOK()
    }

    @Test("Names and keys may be as long as they may")
    func names() async throws {
      let corner = try Corner("limit-name")
      let id = "limit-name-" + .letters(64 - 11)
      for key in [String.letters(16), .letters(256)] {
        let id = key.utf8.count == 16 ? id : id.replacing("name-x", with: "name-y")
        try await corner.tryRegister("", #""miner_id": "\#(id)", "api_key": "\#(key)""#).expectOK()
        try await corner.client.renewLease(token: key).expectOK()
      }
      let job = String.letters(64)
      let body = #"{"job_id": "\#(job)", "miner_id": "\#(id)", "outcome": "accepted"}"#
      try await corner.client.feedback(Array(body.utf8), idempotencyKey: .letters(255)).expectOK()
      let match = try await corner.match("", hints: "", #""job_id": "\#(job)""#)
      #expect(match.json?["job_id"]?.string == job)
    }

    /// The same to the eye, in two codings.
    private static let composed = "caf\u{E9}"
    private static let decomposed = "cafe\u{301}"

    @Test("Text is kept and compared byte by byte")
    func bytes() async throws {
      let corner = try Corner("bytes")
      let (one, two) = (Self.composed, Self.decomposed)
      try await corner.register("one", #""capabilities": ["\#(one)"], "tags": ["\#(one)"]"#)
      try await corner.register("two", #""capabilities": ["\#(two)"], "tags": ["\#(two)"]"#)
      let both = try await corner.register("both", #""capabilities": ["\#(one)", "\#(two)"]"#)
      for (text, name) in [(one, "one"), (two, "two")] {
        let found = try await corner.found(#""capabilities_any": ["\#(text)"]"#)
        #expect(found.sorted() == ["both", name].sorted())
        #expect(try await corner.found(#""tags_any": ["\#(text)"]"#) == [name])
      }
      let kept = try await both.status()["capabilities"]?.array?.compactMap(\.string)
      #expect(kept?.map { Array($0.utf8) } == [Array(one.utf8), Array(two.utf8)])
    }

    @Test("Jobs are told apart byte by byte, one after the other or at once")
    func jobs() async throws {
      let corner = try Corner("bytes-job")
      try await corner.register("1")
      let answers = try await withThrowingTaskGroup(of: HubAnswer.self) { group in
        for number in 0..<20 {
          for text in [Self.composed, Self.decomposed] {
            group.addTask { try await corner.feedback("1", job: "\(text)-\(number)", "completed") }
          }
        }
        return try await group.reduce(into: [HubAnswer]()) { $0.append($1) }
      }
      #expect(answers.count { $0.json?["duplicate"] == .bool(false) } == 40)
    }

    @Test("Regions are told apart byte by byte, but for their case")
    func regions() async throws {
      let corner = try Corner("bytes-region")
      try await corner.register("one", #""region": "\#(Self.composed.uppercased())""#)
      try await corner.register("two", #""region": "\#(Self.decomposed)""#)
      for (region, name) in [(Self.composed, "one"), (Self.decomposed.uppercased(), "two")] {
        #expect(try await corner.found(hints: #""region": "\#(region)""#) == [name])
      }
    }

    @Test("Any text comes back as it was sent")
    func anyText() async throws {
      let corner = try Corner("bytes-any")
      let text = #"\"\\\/\b\f\n\r\t\u00e9\u2028\ud83d\ude00 </script> ' \u007f"#
      let miner = try await corner.register("1", #""gpu_name": "\#(text)", "tags": ["\#(text)"]"#)
      let sent = try JSONValue.parse(Array("\"\(text)\"".utf8))
      #expect(try await miner.status()["gpu_name"] == sent)
      #expect(try await miner.status()["tags"] == .array([sent]))
      #expect(try await corner.found(#""tags_all": ["\#(text)"]"#) == ["1"])
    }

    @Test(
      "A query that is no UTF-8 or badly encoded is the caller's fault, if it is one",
      arguments: ["q=%FF", "region=%C3%28", "q=%zz", "limit=%", "cursor=%00", "=", "&&", "q"])
    func oddQueries(_ query: String) async throws {
      let client = try Corner("query").client
      let answer = try await client.request(
        "GET", "/v1/miners?" + query, bearer: client.adminSecret)
      #expect([200, 400, 422].contains(answer.status), "\(answer.text)")
    }

    @Test(
      "An answer that comes before the body was read doesn't spoil the connection",
      arguments: [
        ("POST", "/v1/match", 401), ("POST", "/nothing", 404), ("PUT", "/v1/match", 405),
        ("POST", "/v1/live", 405), ("GET", "/v1/live", 200), ("POST", "/v1/miners/register", 415),
      ])
    func unreadBody(_ method: String, _ path: String, _ status: Int) async throws {
      let client = try Corner("unread").client
      let text = try await RawHTTP(url: client.baseURL).exchange(
        """
        \(method) \(path) HTTP/1.1\r\nHost: hub\r\nContent-Type: text/plain\r
        Content-Length: 60000\r\n\r\n\(String.letters(60_000))GET /v1/health HTTP/1.1\r
        Host: hub\r\nConnection: close\r\n\r\n
        """)
      #expect(text.hasPrefix("HTTP/1.1 \(status) "), "\(text)")
      #expect(text.contains(#""miners_online""#), "\(text)")
    }
  }
}
