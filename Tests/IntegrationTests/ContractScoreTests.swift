import JSON
import Simulation
import Testing

/// A candidate's numbers, worked out by hand.
private struct Expected {
  var name: String
  var parts: [Double]
  var eta: Double?

  /// With the default weights.
  var score: Double { zip([0.40, 0.20, 0.20, 0.15, 0.05], parts).reduce(0) { $0 + $1.0 * $1.1 } }
}

extension RunningProcesses.Contract {
  @Suite("The score", .bothWaysIn) struct Scores {
    private static let partNames = ["cap", "price", "latency", "trust", "load"]

    /// Five miners whose ranks are easy to count.
    private static func five(_ corner: Corner) async throws {
      let miners: [(name: String, price: String, capabilities: String, status: String)] = [
        ("a", "0.1", #""x", "y""#, #""avg_latency_ms": 40"#),
        ("b", "0.2", #""x""#, #""avg_latency_ms": 30, "queue_len": 1"#),
        ("c", "0.3", #""y", "z""#, #""avg_latency_ms": 20, "queue_len": 2"#),
        ("d", "0.4", #""y", "x""#, #""queue_len": 0"#),
        ("e", "0.4", #""x", "w""#, #""avg_latency_ms": 10, "queue_len": 3"#),
      ]
      for miner in miners {
        let registered = try await corner.register(
          miner.name,
          #"""
          "price_token_per_ksec": \#(miner.price), "capabilities": [\#(miner.capabilities)],
          "max_parallel": 4
          """#)
        try await registered.update(miner.status).expectOK()
      }
      try await corner.feedback("d", job: "1", "completed").expectOK()
    }

    private static let uncapped: [Expected] = [
      Expected(name: "a", parts: [1, 1, 0, 0.5, 1], eta: 40),
      Expected(name: "d", parts: [1, 0.25, 0.5, 0.6, 1], eta: nil),
      Expected(name: "e", parts: [0.5, 0.25, 1, 0.5, 0.25], eta: 40),
      Expected(name: "c", parts: [0.5, 0.5, 2 / 3.0, 0.5, 0.5], eta: 60),
      Expected(name: "b", parts: [0.5, 0.75, 1 / 3.0, 0.5, 0.75], eta: 60),
    ]

    @Test("Five miners, without a highest price: prices rank in their region")
    func ranked() async throws {
      let corner = try Corner("score-rank")
      try await Self.five(corner)
      let answer = try await corner.match(#""capabilities_any": ["x", "y"]"#)
      expect(answer, Self.uncapped, corner)
      let best = "cap=1.00 • price=1.00 • latency=0.00 • trust=0.50 • load=1.00"
      #expect(answer.json?["explain"]?.string == best)
      let last = "cap=0.50 • price=0.75 • latency=0.33 • trust=0.50 • load=0.75"
      #expect(answer.candidates.last?["explain"]?.string == last)
    }

    @Test("Five miners under a highest price: prices are measured against it")
    func capped() async throws {
      let corner = try Corner("score-cap")
      try await Self.five(corner)
      let prices = ["a": 0.8, "b": 0.6, "c": 0.4, "d": 0.2, "e": 0.2]
      var expected = Self.uncapped.map { row in
        var row = row
        row.parts[1] = prices[row.name] ?? 0
        return row
      }
      expected.sort { $0.score > $1.score }
      let answer = try await corner.match(
        #""capabilities_any": ["y", "x"]"#, hints: #""max_price": 0.5"#)
      expect(answer, expected, corner)
    }

    @Test("With no capability asked that part is 1 for all")
    func noCapability() async throws {
      let corner = try Corner("score-nocap")
      try await Self.five(corner)
      let answer = try await corner.match(#""capabilities_all": ["x"]"#)
      #expect(corner.names(in: answer).count == 4)
      for candidate in answer.candidates { #expect(candidate["breakdown"]?["cap"]?.double == 1) }
    }

    @Test("A highest price of 0 lets free miners pass, with 1")
    func free() async throws {
      let corner = try Corner("score-free")
      try await corner.register("free")
      try await corner.register("cheap", #""price_token_per_ksec": "0.00000001""#)
      let answer = try await corner.match(hints: #""max_price": 0"#)
      #expect(corner.names(in: answer) == ["free"])
      #expect(answer.bestCandidate?["breakdown"]?["price"]?.double == 1)
      #expect(answer.rejected("price") == 1)
    }

    @Test("One miner alone ranks lowest in price and latency")
    func alone() async throws {
      let corner = try Corner("score-alone")
      let miner = try await corner.register("1", #""price_token_per_ksec": 5"#)
      try await miner.update(#""avg_latency_ms": 900"#).expectOK()
      let answer = try await corner.match()
      expect(answer, [Expected(name: "1", parts: [1, 1, 1, 0.5, 1], eta: 900)], corner)
      #expect(isClose(answer.bestCandidate?["score"]?.double, 0.925))
    }

    @Test("Busy miners count in the ranks, offline ones and other regions' don't")
    func whoCounts() async throws {
      let corner = try Corner("score-who")
      let cheap = try await corner.register("cheap", #""price_token_per_ksec": 1"#)
      try await corner.register("mid", #""price_token_per_ksec": 2"#)
      try await corner.register("dear", #""price_token_per_ksec": 3"#)
      try await corner.register("away", #""price_token_per_ksec": 0.5, "region": "score-away""#)
      try await cheap.update(#""busy": true, "avg_latency_ms": 1"#).expectOK()
      #expect(try await prices(corner) == ["mid": 0.5, "dear": 0])
      try await corner.client.logout(token: cheap.token).expectOK()
      #expect(try await prices(corner) == ["mid": 1, "dear": 0])
    }

    @Test("Prices 3 % apart rank apart, and equal ones share a rank")
    func buckets() async throws {
      let corner = try Corner("score-bucket")
      for (number, price) in ["1", "1.03", "1.0609", "1.0609", "1.092727"].enumerated() {
        try await corner.register("\(number)", #""price_token_per_ksec": \#(price)"#)
      }
      let expected = ["0": 1, "1": 0.75, "2": 0.5, "3": 0.5, "4": 0]
      #expect(try await prices(corner) == expected)
    }

    @Test("A region without a name is a region like another")
    func namelessRegion() async throws {
      let corner = try Corner("score-nameless")
      let common = #""region": "", "capabilities": ["nameless"]"#
      let slow = try await corner.register("slow", common)
      let fast = try await corner.register("fast", common)
      try await slow.update(#""avg_latency_ms": 86400000"#).expectOK()
      try await fast.update(#""avg_latency_ms": 0"#).expectOK()
      let answer = try await corner.match(
        #""capabilities_any": ["nameless"]"#, hints: #""region": """#)
      #expect(corner.names(in: answer) == ["fast", "slow"])
      #expect(answer.candidates.map { $0["breakdown"]?["latency"]?.double } == [1, 0])
      #expect(answer.candidates.map { $0["eta_ms"]?.double } == [0, 86_400_000])
      #expect(answer.candidates.map { $0["region"]?.string } == ["", ""])
    }

    private func prices(_ corner: Corner) async throws -> [String: Double] {
      let answer = try await corner.match()
      let parts = answer.candidates.map { $0["breakdown"]?["price"]?.double ?? -1 }
      return Dictionary(
        zip(corner.names(in: answer), parts), uniquingKeysWith: { first, _ in first })
    }

    private func expect(
      _ answer: HubAnswer, _ expected: [Expected], _ corner: Corner,
      sourceLocation: SourceLocation = #_sourceLocation
    ) {
      #expect(
        corner.names(in: answer) == expected.map(\.name), sourceLocation: sourceLocation)
      for (candidate, row) in zip(answer.candidates, expected) {
        let comment = Comment(rawValue: row.name)
        #expect(
          isClose(candidate["score"]?.double, row.score, within: 1e-6), comment,
          sourceLocation: sourceLocation)
        for (name, part) in zip(Self.partNames, row.parts) {
          // Evidence has decayed a little by the time that it is looked at.
          #expect(
            isClose(candidate["breakdown"]?[name]?.double, part, within: 1e-6),
            "\(name) of \(row.name)", sourceLocation: sourceLocation)
        }
        #expect(
          candidate["trust"] == candidate["breakdown"]?["trust"], sourceLocation: sourceLocation)
        #expect(candidate["eta_ms"]?.double == row.eta, comment, sourceLocation: sourceLocation)
      }
    }
  }
}
