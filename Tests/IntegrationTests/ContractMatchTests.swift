import JSON
import Simulation
import Testing

extension RunningProcesses.Contract {
  @Suite("The answer to a match", .bothWaysIn) struct Matches {
    private static let candidateFields = [
      "miner_id", "addr", "proto", "region", "score", "eta_ms", "price", "trust", "explain",
      "breakdown", "offer",
    ]

    @Test("Its fields, briefly and in full")
    func fields() async throws {
      let corner = try Corner("match-fields")
      try await corner.register("1", #""addr": "h:1", "proto": "wss""#)
      var ids: Set<String> = []
      for explain in ["", #""explain": "brief""#, #""explain": null"#] {
        let answer = try await corner.match(
          body: Corner.object(
            #""job_id": "job ü/1", "hints": {"region": "match-fields"}"#, explain))
        answer.expectOK()
        #expect(
          answer.json?.object?.members.map(\.name)
            == ["job_id", "match_id", "candidates", "explain"])
        #expect(answer.json?["job_id"]?.string == "job ü/1")
        #expect(ids.insert(try #require(answer.json?["match_id"]?.string)).inserted)
        let candidate = try #require(answer.bestCandidate)
        #expect(candidate.object?.members.map(\.name) == Self.candidateFields)
        #expect(candidate["addr"]?.string == "h:1")
        #expect(candidate["proto"]?.string == "wss")
        #expect(candidate["eta_ms"] == .null)
        #expect(answer.json?["explain"] == candidate["explain"])
      }
      let full = try await corner.match()
      let members = full.json?.object?.members.map(\.name)
      #expect(
        members == [
          "job_id", "match_id", "candidates", "explain", "eligible", "considered", "rejected",
        ])
      #expect(full.json?["eligible"]?.int == 1)
      expectCountsAddUp(full)
    }

    @Test("With no candidate: 200, an empty list, and the counts", arguments: ["brief", "full"])
    func none(_ explain: String) async throws {
      let corner = try Corner("match-none")
      expectNone(try await corner.match("", hints: "", #""explain": "\#(explain)""#))
      // Not even a job's name is enough to find anybody in a region without miners.
      expectNone(
        try await corner.match(body: #"{"job_id": "j", "hints": {"region": "match-none"}}"#))
    }

    @Test("top_k: one by default, and at most so many")
    func topK() async throws {
      let corner = try Corner("match-top")
      for number in 0..<5 {
        try await corner.register("\(number)", #""price_token_per_ksec": \#(number + 1)"#)
      }
      let all = ["0", "1", "2", "3", "4"]
      #expect(try await corner.found("", hints: "", #""top_k": null"#) == ["0"])
      for count in [1, 2, 4, 5, 6, 50] {
        let answer = try await corner.match("", hints: "", #""top_k": \#(count)"#)
        #expect(corner.names(in: answer) == Array(all.prefix(count)))
        #expect(answer.json?["eligible"]?.int == 5)
      }
    }

    @Test("Ties go to the lower name in byte order, on every gateway and scorer, every time")
    func ties() async throws {
      let corner = try Corner("match-tie")
      let names = ["b", "a", "B", "_", "10", "9", "a.b", "a-b", "a:b", "ab", "Z"]
      for name in names { try await corner.register(name) }
      let sorted = names.sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }
      for round in 0..<20 {
        let seen = try corner.at(gateway: round % 2)
        // The other gateway has not acknowledged them itself, so it may learn of them a little later.
        if round == 1 { try await waitFor(names.count, at: seen) }
        #expect(try await seen.found() == sorted)
        #expect(try await seen.found("", hints: "", #""top_k": 3"#) == Array(sorted.prefix(3)))
      }
    }

    private func waitFor(_ count: Int, at corner: Corner) async throws {
      let end = ContinuousClock.now + .seconds(10)
      while try await corner.found().count < count, ContinuousClock.now < end {}
    }

    @Test("Excluded miners count nowhere")
    func exclude() async throws {
      let corner = try Corner("match-exclude")
      for name in ["1", "2", "3"] { try await corner.register(name) }
      let answer = try await corner.match(
        "", hints: "", #""exclude": ["match-exclude-1", "match-exclude-1", "nobody-at-all"]"#)
      #expect(corner.names(in: answer) == ["2", "3"])
      #expect(answer.json?["eligible"]?.int == 2)
      expectCountsAddUp(answer)
      let none = try await corner.match(
        "", hints: "", #""exclude": ["match-exclude-1", "match-exclude-2", "match-exclude-3"]"#)
      expectNone(none)
      for reason in ["accel", "vram", "price", "trust", "full"] {
        #expect(none.rejected(reason) == 0)
      }
    }

    private static let prices: [(sent: String, answered: String)] = [
      ("0.12345678", "0.12345678"), (#""0.12345678""#, "0.12345678"), ("1e-8", "0.00000001"),
      ("0.00000001", "0.00000001"), ("1000000000", "1000000000"), ("1e9", "1000000000"),
      ("999999999.99999999", "999999999.99999999"), ("123456789.12345678", "123456789.12345678"),
      (#""12.50""#, "12.5"), ("12.500000000000", "12.5"), ("1.5E-3", "0.0015"), ("0", "0"),
      ("-0", "0"), ("0.1", "0.1"), ("0.3", "0.3"), ("20", "20"), ("0.10000000", "0.1"),
    ]

    @Test("Prices keep all their digits", arguments: prices)
    func exactPrices(_ sent: String, _ answered: String) async throws {
      let corner = try Corner("match-price")
      let miner = try await corner.register("1", #""price_token_per_ksec": \#(sent)"#)
      // The numbers' own text, so nothing can hide behind rounding.
      #expect(try await corner.match().bestCandidate?["price"] == .number(answered))
      #expect(try await miner.status()["price_token_per_ksec"] == .number(answered))
      // It passes under itself.
      let answer = try await corner.match(hints: #""max_price": \#(sent)"#)
      #expect(corner.names(in: answer) == ["1"])
      #expect(
        answer.bestCandidate?["breakdown"]?["price"]?.double == (answered == "0" ? 1 : 0))
    }

    @Test("A deadline too short for anything is 503 with Retry-After, or kept")
    func deadline() async throws {
      let corner = try Corner("match-deadline")
      try await corner.register("1")
      for _ in 0..<20 {
        let answer = try await corner.match("", hints: #""deadline_ms": 1"#)
        if answer.status != 200 { answer.expectProblem(503, "deadline_passed", retries: true) }
      }
    }

    @Test("The same request gives the same answer")
    func repeatable() async throws {
      let corner = try Corner("match-same")
      for number in 0..<20 {
        let miner = try await corner.register(
          "\(number)", #""price_token_per_ksec": \#(number % 7), "max_parallel": 3"#)
        try await miner.update(#""queue_len": \#(number % 3), "avg_latency_ms": \#(number % 5)"#)
          .expectOK()
      }
      func candidates() async throws -> [JSONValue] {
        try await corner.match("", hints: #""max_price": 6"#).candidates.map(\.withoutOffer)
      }
      let first = try await candidates()
      #expect(first.count == 20)
      for _ in 0..<10 { #expect(try await candidates() == first) }
    }
  }
}
