import JSON
import Simulation
import Testing

/// A filter with a miner that just passes it and one that just doesn't.
struct MatchFilter: Sendable, CustomTestStringConvertible {
  let reason: String
  let good: String
  let bad: String
  var requirements = ""
  var hints = ""
  /// Updates of both, once they are registered.
  var goodNow: String?
  var badNow: String?

  var testDescription: String { "\(reason): \(requirements)\(hints)\(badNow ?? "")" }

  static let all: [MatchFilter] = [
    MatchFilter(
      reason: "accel", good: #""accel": ["rocm", "CUDA"]"#, bad: #""accel": ["rocm"]"#,
      requirements: #""accel": ["Cuda", "vulkan"]"#),
    MatchFilter(
      reason: "accel", good: #""accel": ["cuda"]"#, bad: "", requirements: #""accel": ["cuda"]"#),
    MatchFilter(
      reason: "vram", good: #""gpu_vram_gb": 8"#, bad: #""gpu_vram_gb": 7.99"#,
      requirements: #""min_vram_gb": 8"#),
    MatchFilter(
      reason: "ram", good: #""ram_gb": 16.5"#, bad: #""ram_gb": 16"#,
      requirements: #""min_ram_gb": 16.5"#),
    MatchFilter(
      reason: "capability", good: #""capabilities": ["a", "b"]"#, bad: #""capabilities": ["c"]"#,
      requirements: #""capabilities_any": ["b", "x"]"#),
    MatchFilter(
      reason: "capability", good: #""capabilities": ["a/B"]"#, bad: #""capabilities": ["a/b"]"#,
      requirements: #""capabilities_any": ["a/B"]"#),
    MatchFilter(
      reason: "capability", good: #""capabilities": ["a", "b", "c"]"#,
      bad: #""capabilities": ["a", "c"]"#, requirements: #""capabilities_all": ["a", "b"]"#),
    MatchFilter(
      reason: "capability", good: #""capabilities": ["a", "b"]"#, bad: #""capabilities": ["b"]"#,
      requirements: #""capabilities_any": ["b"], "capabilities_all": ["a"]"#),
    MatchFilter(
      reason: "tag", good: #""tags": {"tier": "gold"}"#, bad: #""tags": ["tier", "gold"]"#,
      requirements: #""tags_any": ["tier:gold", "x"]"#),
    MatchFilter(
      reason: "tag", good: #""tags": ["a", "b", "c"]"#, bad: #""tags": ["a"]"#,
      requirements: #""tags_all": ["a", "c"]"#),
    MatchFilter(
      reason: "price", good: #""price_token_per_ksec": 0.5"#,
      bad: #""price_token_per_ksec": 0.50000001"#, hints: #""max_price": 0.5"#),
    MatchFilter(
      reason: "price", good: #""price_token_per_ksec": 0"#,
      bad: #""price_token_per_ksec": 0.00000001"#, hints: #""max_price": "0""#),
    MatchFilter(
      reason: "full", good: #""max_parallel": 2"#, bad: #""max_parallel": 2"#,
      goodNow: #""queue_len": 1"#, badNow: #""queue_len": 2"#),
    MatchFilter(reason: "full", good: "", bad: "", badNow: #""current_jobs": ["one"]"#),
    MatchFilter(
      reason: "full", good: "", bad: "", goodNow: #""busy": false"#, badNow: #""busy": true"#),
    MatchFilter(
      reason: "full", good: "", bad: "", goodNow: #""status": "active""#,
      badNow: #""status": "busy""#),
    MatchFilter(reason: "full", good: "", bad: "", badNow: #""status": "draining""#),
    MatchFilter(reason: "full", good: "", bad: "", badNow: #""status": "maintenance""#),
    MatchFilter(reason: "full", good: "", bad: "", badNow: #""status": "offline""#),
  ]
}

extension RunningProcesses.Contract {
  @Suite("The filters of a match", .bothWaysIn) struct Filters {
    @Test("Each filter by itself", arguments: zip(1...MatchFilter.all.count, MatchFilter.all))
    func single(_ number: Int, _ filter: MatchFilter) async throws {
      let corner = try Corner("filter-\(number)")
      let good = try await corner.register("good", filter.good)
      let bad = try await corner.register("bad", filter.bad)
      if let update = filter.goodNow { try await good.update(update).expectOK() }
      if let update = filter.badNow { try await bad.update(update).expectOK() }
      let answer = try await corner.match(filter.requirements, hints: filter.hints)
      answer.expectOK()
      #expect(corner.names(in: answer) == ["good"])
      #expect(answer.json?["eligible"]?.int == 1)
      #expect(answer.rejected(filter.reason) == 1)
      expectCountsAddUp(answer)
      // Alone, the bad one is no candidate: 200, and the counts say why.
      let none = try await corner.match(
        filter.requirements, hints: filter.hints,
        #""explain": "brief", "exclude": ["\#(corner.id("good"))"]"#)
      expectNone(none)
      #expect(none.rejected(filter.reason) == 1)
    }

    @Test("Trust")
    func trust() async throws {
      let corner = try Corner("filter-trust")
      for miner in ["good", "new", "bad"] { try await corner.register(miner) }
      try await corner.feedback("good", job: "1", "completed").expectOK()
      try await corner.feedback("bad", job: "1", "failed").expectOK()
      #expect(try await corner.found() == ["good", "new", "bad"])
      #expect(try await corner.found(#""min_trust": 0"#) == ["good", "new", "bad"])
      #expect(try await corner.found(#""min_trust": 0.5"#) == ["good", "new"])
      let answer = try await corner.match(#""min_trust": 0.59"#)
      #expect(corner.names(in: answer) == ["good"])
      #expect(answer.rejected("trust") == 2)
      expectNone(try await corner.match(#""min_trust": 1"#))
    }

    @Test("A region is equal to the hint's, in any case")
    func region() async throws {
      let corner = try Corner("filter-region")
      try await corner.register("here", #""region": "Filter-REGION""#)
      try await corner.register("there", #""region": "filter-region-2""#)
      #expect(try await corner.found(hints: #""region": "FILTER-Region""#) == ["here"])
      #expect(try await corner.found(hints: #""region": "filter-region-2""#) == ["there"])
      expectNone(try await corner.match(hints: #""region": "filter""#))
    }

    @Test("An empty region, or none, asks for miners of all regions")
    func anyRegion() async throws {
      let corner = try Corner("filter-any")
      try await corner.register("here", #""capabilities": ["any-region"]"#)
      try await corner.register("there", #""region": "eu", "capabilities": ["any-region"]"#)
      try await corner.register("nowhere", #""region": "", "capabilities": ["any-region"]"#)
      for region in [#""""#, "null"] {
        let found = try await corner.found(
          #""capabilities_any": ["any-region"]"#, hints: #""region": \#(region)"#)
        #expect(Set(found) == ["here", "there", "nowhere"])
      }
    }

    @Test("A service that nobody offers")
    func service() async throws {
      let corner = try Corner("filter-service")
      try await corner.register("1")
      let answer = try await corner.match(#""service": "llm_inference""#)
      expectNone(answer)
      #expect(answer.rejected("service") == 1)
      expectNone(try await corner.match(#""service": "no such thing""#))
    }

    @Test("Empty lists and zeros ask for nothing")
    func nothingAsked() async throws {
      let corner = try Corner("filter-none")
      try await corner.register("1")
      let found = try await corner.found(
        #"""
        "accel": [], "tags_any": [], "tags_all": [], "capabilities_any": [], "capabilities_all": [],
        "min_vram_gb": 0, "min_ram_gb": 0, "min_trust": 0, "service": null, "task": "anything"
        """#)
      #expect(found == ["1"])
      #expect(try await corner.found("", hints: "", #""requirements": null"#) == ["1"])
    }

    @Test("A miner that is back takes jobs again")
    func back() async throws {
      let corner = try Corner("filter-back")
      let miner = try await corner.register("1")
      try await miner.update(#""busy": true"#).expectOK()
      #expect(try await corner.found() == [])
      try await miner.beat(#""queue_len": 0, "busy": false"#).expectOK()
      #expect(try await corner.found() == ["1"])
      try await miner.beat(#""status": "draining", "current_jobs": 0"#).expectOK()
      #expect(try await corner.found() == [])
      try await miner.update("").expectOK()
      #expect(try await corner.found() == ["1"])
    }
  }
}

/// Checks that each miner was counted once.
func expectCountsAddUp(
  _ answer: HubAnswer, sourceLocation: SourceLocation = #_sourceLocation
) {
  let rejected = answer.json?["rejected"]?.object?.members ?? []
  let sum = rejected.reduce(0) { $0 + ($1.value.int ?? 0) }
  let considered = answer.json?["considered"]?.int
  #expect(
    considered == (answer.json?["eligible"]?.int ?? -1) + sum, "\(answer.text)",
    sourceLocation: sourceLocation)
  let order = [
    "offline", "region", "accel", "vram", "ram", "capability", "tag", "service", "price", "trust",
    "full",
  ]
  let places = rejected.map { order.firstIndex(of: $0.name) ?? -1 }
  #expect(places == places.sorted() && !places.contains(-1), sourceLocation: sourceLocation)
}

/// Checks that there is no candidate, and that the answer says so as the contract has it.
func expectNone(_ answer: HubAnswer, sourceLocation: SourceLocation = #_sourceLocation) {
  answer.expectOK(sourceLocation: sourceLocation)
  #expect(answer.json?["candidates"] == .array([]), sourceLocation: sourceLocation)
  #expect(answer.json?["eligible"]?.int == 0, sourceLocation: sourceLocation)
  expectCountsAddUp(answer, sourceLocation: sourceLocation)
}
