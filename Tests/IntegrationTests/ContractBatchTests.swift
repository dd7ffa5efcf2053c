import Domain
import JSON
import Simulation
import TestSupport
import Testing

extension RunningProcesses.Contract {
  @Suite("Batches of matches") struct Batches {
    /// A match in the corner's region.
    private func entry(_ corner: Corner, _ job: String, _ rest: String = "") -> String {
      Corner.object(
        #""job_id": "\#(job)", "hints": {"region": "\#(corner.name)", "deadline_ms": 10000}"#, rest)
    }

    private func results(_ answer: HubAnswer) -> [JSONValue] {
      answer.json?["results"]?.array ?? []
    }

    private func names(_ result: JSONValue) -> [String] {
      result["candidates"]?.array?.compactMap { $0["miner_id"]?.string } ?? []
    }

    @Test("Each is answered as if it had been asked alone, in their order; a bad one is bad alone")
    func each() async throws {
      let corner = try Corner("batch-each")
      for number in 1...4 {
        try await corner.register("\(number)", #""price_token_per_ksec": \#(number)"#)
      }
      let bodies = [
        entry(corner, "a"), entry(corner, "b", #""top_k": 3"#), #"{"job_id": "", "top_k": 99}"#,
        entry(corner, "c", #""explain": "full", "exclude": ["batch-each-1"]"#), "7",
        entry(corner, "a", #""requirements": {"min_vram_gb": 1000}"#),
      ]
      let answer = try await corner.client.matchBatch(bodies)
      answer.expectOK()
      let results = results(answer)
      #expect(results.map { $0["status"]?.int } == [200, 200, 422, 200, 422, 200])
      for (body, result) in zip(bodies, results) where result["status"]?.int == 200 {
        let single = try await corner.match(body: body)
        for (name, value) in try #require(single.json?.object).members where name != "match_id" {
          let (own, other) = (result[name], value)
          if name == "candidates" {
            #expect(own?.array?.map(\.withoutOffer) == other.array?.map(\.withoutOffer))
          } else {
            #expect(own == other, "\(name)")
          }
        }
      }
      #expect(results[2]["code"]?.string == "invalid_fields")
      #expect(
        results[2]["errors"]?.array?.compactMap { $0["field"]?.string } == ["job_id", "top_k"])
      #expect(results[4]["errors"]?.array?.first?["field"]?.string == "")
      #expect(Set(results.compactMap { $0["match_id"]?.string }).count == 4)
    }

    @Test("256 are taken; none, 257 or no list is refused as a whole")
    func counts() async throws {
      let corner = try Corner("batch-counts")
      let answer = try await corner.client.matchBatch(
        (0..<256).map { entry(corner, "job-\($0)") })
      answer.expectOK()
      #expect(
        results(answer).map { $0["job_id"]?.string } == (0..<256).map { "job-\($0)" })
      for count in [0, 257] {
        try await corner.client.matchBatch((0..<count).map { entry(corner, "job-\($0)") })
          .expectBadField("requests", "length")
      }
      for (body, field, code) in [
        (#"{"requests": {"job_id": "j"}}"#, "requests", "type"), ("{}", "requests", "required"),
        (#"{"requests": [{"job_id": "j"}], "spread": "yes"}"#, "spread", "type"),
      ] {
        try await corner.client.request(
          "POST", "/v1/match/batch", bearer: corner.client.coordinatorSecret, text: body
        ).expectBadField(field, code)
      }
      // With nothing good in it nobody is asked, and each is told why.
      let bad = try await corner.client.matchBatch(["{}", "null"])
      bad.expectOK()
      #expect(results(bad).map { $0["status"]?.int } == [422, 422])
    }

    @Test("However much is wrong with all of 256, each is told all of it")
    func longProblems() async throws {
      let corner = try Corner("batch-problems")
      let answer = try await corner.client.matchBatch(
        (0..<256).map { number in
          #"{"job_id": \#(number), "top_k": 99, "explain": 1, "exclude": 2, "spread": 3, "requirements": {"#
            + #""min_vram_gb": -1, "min_ram_gb": -1, "accel": 4, "tags_any": 5, "min_trust": 6}}"#
        })
      answer.expectOK()
      #expect(results(answer).count == 256)
      for result in results(answer) {
        #expect(result["status"]?.int == 422)
        #expect(
          result["errors"]?.array?.compactMap { $0["field"]?.string }.sorted() == [
            "exclude", "explain", "job_id", "requirements.accel", "requirements.min_ram_gb",
            "requirements.min_trust", "requirements.min_vram_gb", "requirements.tags_any", "spread",
            "top_k",
          ])
      }
    }

    @Test("Spread over a batch no miner is offered beyond its free slots; else all get the best")
    func spread() async throws {
      let corner = try Corner("batch-spread")
      for (name, price, slots) in [("one", 1, 2), ("two", 2, 1), ("three", 3, 1)] {
        try await corner.register(
          name, #""price_token_per_ksec": \#(price), "max_parallel": \#(slots)"#)
      }
      let bodies = (0..<6).map { entry(corner, "job-\($0)") }
      let plain = results(try await corner.client.matchBatch(bodies))
      #expect(plain.map(names) == Array(repeating: [corner.id("one")], count: 6))
      let spread = results(try await corner.client.matchBatch(bodies, isSpread: true))
      let expected = ["one", "one", "two", "three"].map { [corner.id($0)] } + [[], []]
      #expect(spread.map(names) == expected)
      #expect(spread.last?["rejected"]?["full"]?.int == 3)
      // Whoever doesn't ask for it isn't held back.
      #expect(plain.map(names) == results(try await corner.client.matchBatch(bodies)).map(names))
    }

    @Test("Each match of a batch reads later, and its offer proves feedback")
    func history() async throws {
      let corner = try Corner("batch-history")
      try await corner.register("1")
      let answer = try await corner.client.matchBatch(
        ["x", "y"].map { entry(corner, "batch-history-\($0)", #""spread": true"#) })
      for result in results(answer) {
        let job = try #require(result["job_id"]?.string)
        let read = try await corner.client.history(of: job)
        read.expectOK()
        #expect(read.json?["match_id"] == result["match_id"])
        #expect(read.json?["status"] == nil)
        #expect(read.json?["request"]?["spread"] == .bool(true))
        if let offer = result["candidates"]?.array?.first?["offer"]?.string {
          try await corner.feedback("1", job: job, "completed", #""offer": "\#(offer)""#).expectOK()
        }
      }
      #expect(names(results(answer)[0]) == [corner.id("1")])
    }
  }
}

extension RunningProcesses {
  @Suite("Matches that are spread") struct SpreadMatches {
    @Test("Each miner's free slots are offered, for a while; a batch costs what it holds")
    func herd() async throws {
      try await OwnFleet.with { fleet in
        // Leases outlast offers.
        let lease = ["POOLHUB_LEASE_TTL_SEC": "60"]
        let client = try await fleet.startGateway(1, lease)
        try await fleet.startScorer(1, lease.merging(["POOLHUB_SPREAD_MS": "3000"]) { $1 })
        try await client.waitForHealth("ok", scorers: 1)
        for name in ["one", "two", "three"] {
          let body = #"{"miner_id": "\#(name)", "api_key": "key-of-\#(name)-0123456789"}"#
          try await client.request("POST", "/v1/miners/register", text: body).expectOK()
        }
        func ask(_ rest: String) async throws -> HubAnswer {
          try await client.match(Array(#"{"job_id": "j", \#(rest)}"#.utf8))
        }
        func name(_ answer: HubAnswer) -> String? {
          answer.bestCandidate?["miner_id"]?.string
        }
        var offered: [String?] = []
        try await withThrowingTaskGroup(of: HubAnswer.self) { group in
          for _ in 0..<3 { group.addTask { try await ask(#""spread": true"#) } }
          for try await answer in group { offered.append(name(answer)) }
        }
        #expect(Set(offered) == ["one", "two", "three"])
        let full = try await ask(#""spread": true"#)
        #expect(full.candidates.isEmpty && full.rejected("full") == 3, "\(full.text)")
        #expect(try await client.metric("poolhub_scorer_spread_forgotten_total") == 0)
        // Whoever doesn't ask for it gets the plain answer, again and again.
        let plain = try await ask(#""top_k": 1"#)
        for _ in 0..<3 { #expect(try await name(ask(#""top_k": 1"#)) == name(plain)) }
        await eventually("an offer lasts as long as it was set to") {
          (try? await ask(#""spread": true"#))?.candidates.count == 1
        }

        let limited = try await fleet.startGateway(2, ["POOLHUB_LIMIT_MATCH": "1/h burst 6"])
        try await fleet.startScorer(2, ["POOLHUB_GATEWAYS": fleet.link(2)])
        try await limited.waitForHealth("ok")
        let five = Array(repeating: #"{"job_id": "j"}"#, count: 5)
        let first = try await limited.matchBatch(five)
        first.expectOK()
        #expect(first.header("RateLimit")?.hasPrefix(#""match";r=1;"#) == true)
        try await limited.matchBatch(five).expectProblem(429, "rate_limited")
        try await limited.matchBatch([five[0]]).expectOK()
        try await limited.matchBatch([five[0]]).expectProblem(429, "rate_limited")
      }
    }
  }
}
