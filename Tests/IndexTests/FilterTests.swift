import Domain
import Index
import Testing

/// A request that only `profile` and `status` decide on, and what becomes of the miner.
struct FilterCase: Sendable, CustomTestStringConvertible {
  var testDescription: String
  var reason: RejectionReason?
  var query: @Sendable (inout MatchQuery) -> Void = { _ in }
  var profile: @Sendable (inout MinerProfile) -> Void = { _ in }
  var status: @Sendable (inout StatusPatch) -> Void = { _ in }

  static let all: [FilterCase] = [
    .init(testDescription: "asks nothing", reason: nil),
    .init(
      testDescription: "the same region", reason: nil, query: { $0.region = "eu" },
      profile: { $0.region = "eu" }),
    .init(
      testDescription: "an empty region is any", reason: nil, query: { $0.region = "" },
      profile: { $0.region = "eu" }),
    .init(
      testDescription: "another region", reason: .region, query: { $0.region = "us" },
      profile: { $0.region = "eu" }),
    .init(
      testDescription: "one accelerator of two", reason: nil,
      query: { $0.accel = ["rocm", "cuda"] }, profile: { $0.accel = ["cuda"] }),
    .init(
      testDescription: "no such accelerator", reason: .accel, query: { $0.accel = ["rocm"] },
      profile: { $0.accel = ["cuda"] }),
    .init(
      testDescription: "exactly the VRAM", reason: nil, query: { $0.minVRAMGB = 8 },
      profile: { $0.gpuVRAMGB = 8 }),
    .init(
      testDescription: "just too little VRAM", reason: .vram,
      query: { $0.minVRAMGB = 8.0.nextUp }, profile: { $0.gpuVRAMGB = 8 }),
    .init(
      testDescription: "exactly the RAM", reason: nil, query: { $0.minRAMGB = 64 },
      profile: { $0.ramGB = 64 }),
    .init(
      testDescription: "just too little RAM", reason: .ram, query: { $0.minRAMGB = 64.0.nextUp },
      profile: { $0.ramGB = 64 }),
    .init(
      testDescription: "any capability", reason: nil, query: { $0.capabilitiesAny = ["x", "a"] },
      profile: { $0.capabilities = ["a", "b"] }),
    .init(
      testDescription: "none of the capabilities", reason: .capability,
      query: { $0.capabilitiesAny = ["x", "A"] }, profile: { $0.capabilities = ["a", "b"] }),
    .init(
      testDescription: "all capabilities", reason: nil,
      query: { $0.capabilitiesAll = ["b", "a"] }, profile: { $0.capabilities = ["a", "b", "c"] }),
    .init(
      testDescription: "all but one capability", reason: .capability,
      query: { $0.capabilitiesAll = ["a", "x"] }, profile: { $0.capabilities = ["a", "b"] }),
    .init(
      testDescription: "any tag", reason: nil, query: { $0.tagsAny = ["x", "a"] },
      profile: { $0.tags = ["a"] }),
    .init(
      testDescription: "none of the tags", reason: .tag, query: { $0.tagsAny = ["x"] },
      profile: { $0.tags = ["a"] }),
    .init(
      testDescription: "all tags", reason: nil, query: { $0.tagsAll = ["a", "b"] },
      profile: { $0.tags = ["b", "a"] }),
    .init(
      testDescription: "all but one tag", reason: .tag, query: { $0.tagsAll = ["a", "b"] },
      profile: { $0.tags = ["a"] }),
    .init(
      testDescription: "no such service", reason: .service, query: { $0.service = "whisper" }),
    .init(
      testDescription: "exactly the highest price", reason: nil,
      query: { $0.maxPrice = Price(units: 5) }, profile: { $0.price = Price(units: 5) }),
    .init(
      testDescription: "just too dear", reason: .price, query: { $0.maxPrice = Price(units: 4) },
      profile: { $0.price = Price(units: 5) }),
    .init(
      testDescription: "free for nothing", reason: nil, query: { $0.maxPrice = .zero },
      profile: { $0.price = .zero }),
    .init(
      testDescription: "the least price for nothing", reason: .price,
      query: { $0.maxPrice = .zero }, profile: { $0.price = Price(units: 1) }),
    .init(testDescription: "exactly the trust", reason: nil, query: { $0.minTrust = 0.5 }),
    .init(
      testDescription: "just too little trust", reason: .trust,
      query: { $0.minTrust = 0.5.nextUp }),
    .init(testDescription: "one slot left", reason: nil, status: { $0.queueLength = 3 }),
    .init(testDescription: "no slot left", reason: .full, status: { $0.queueLength = 4 }),
    .init(
      testDescription: "a queue beyond its slots", reason: .full,
      status: { $0.queueLength = 4_000_000_000 }),
    .init(testDescription: "not busy", reason: nil, status: { $0.busy = false }),
    .init(testDescription: "busy", reason: .full, status: { $0.busy = true }),
    .init(testDescription: "active", reason: nil, status: { $0.state = .active }),
    .init(testDescription: "draining", reason: .full, status: { $0.state = .draining }),
    .init(testDescription: "in maintenance", reason: .full, status: { $0.state = .maintenance }),
    .init(testDescription: "says offline", reason: .full, status: { $0.state = .offline }),
    .init(testDescription: "says busy", reason: .full, status: { $0.state = .busy }),
  ]
}

@Suite struct FilterTests {
  @Test("each filter, at its boundaries", arguments: IndexKind.allCases, FilterCase.all)
  func filter(kind: IndexKind, one: FilterCase) throws {
    var index = kind.index()
    index.add(record("m", one.profile), one.status)
    let answer = index.match(query(one.query), at: noon)
    let counts = try #require(answer.counts)
    #expect(answer.candidates.count == (one.reason == nil ? 1 : 0))
    #expect(counts.considered == 1)
    #expect(counts.eligible == answer.candidates.count)
    #expect(counts.reasons == (one.reason.map { [$0: 1] } ?? [:]))
  }

  @Test(
    "a miner is online until its lease ends, and not at that moment",
    arguments: IndexKind.allCases)
  func lease(kind: IndexKind) {
    var index = kind.index()
    index.add(record("m"))
    #expect(index.names(query(), at: noon.advanced(byMilliseconds: 59_999)) == ["m"])
    #expect(index.names(query(), at: noon.advanced(byMilliseconds: 60_000)) == [])
  }

  @Test("a miner without any sign of life is offline", arguments: IndexKind.allCases)
  func neverSeen(kind: IndexKind) {
    var index = kind.index()
    index.upsert(record("m"))
    #expect(index.match(query(), at: noon).counts?.reasons == [.offline: 1])
  }

  @Test(
    "a miner that fails every filter counts under the first, then the next, and so on",
    arguments: IndexKind.allCases)
  func order(kind: IndexKind) {
    var index = kind.index()
    index.add(record("m")) { $0.busy = true }
    var request = query {
      $0.region = "x"
      $0.accel = ["x"]
      $0.minVRAMGB = 1
      $0.minRAMGB = 1
      $0.capabilitiesAny = ["x"]
      $0.tagsAny = ["x"]
      $0.service = "x"
      $0.maxPrice = .zero
      $0.minTrust = 1
    }
    var seen: [RejectionReason] = []
    let late = noon.advanced(byMilliseconds: 60_000)
    seen += index.match(request, at: late).counts!.reasons.keys
    let relax: [(inout MatchQuery) -> Void] = [
      { $0.region = nil }, { $0.accel = [] }, { $0.minVRAMGB = 0 }, { $0.minRAMGB = 0 },
      { $0.capabilitiesAny = [] }, { $0.tagsAny = [] }, { $0.service = nil },
      { $0.maxPrice = nil }, { $0.minTrust = nil },
    ]
    seen += index.match(request, at: noon).counts!.reasons.keys
    for step in relax {
      step(&request)
      seen += index.match(request, at: noon).counts!.reasons.keys
    }
    #expect(seen == RejectionReason.allCases)
  }

  @Test("counts add up, and a miner that is excluded counts nowhere", arguments: IndexKind.allCases)
  func countsAddUp(kind: IndexKind) {
    var index = kind.index()
    for (name, region) in [("a", "eu"), ("b", "eu"), ("c", "us"), ("d", "us"), ("e", "us")] {
      index.add(record(name) { $0.region = region })
    }
    index.upsert(record("off"))
    let request = query {
      $0.region = "us"
      $0.exclude = [id("a"), id("d"), id("d"), id("stranger")]
    }
    let answer = index.match(request, at: noon)
    #expect(answer.candidates.map(\.minerID.text) == ["c", "e"])
    #expect(answer.counts?.considered == 4)
    #expect(answer.counts?.eligible == 2)
    #expect(answer.counts?.reasons == [.region: 1, .offline: 1])
  }

  @Test(
    "counts come only when asked for or when there is no candidate",
    arguments: IndexKind.allCases)
  func countsWhenNeeded(kind: IndexKind) {
    var index = kind.index()
    index.add(record("m"))
    #expect(index.match(query { $0.explainsFully = false }, at: noon).counts == nil)
    let nobody = index.match(
      query {
        $0.explainsFully = false
        $0.accel = ["x"]
      }, at: noon)
    #expect(nobody.candidates.isEmpty)
    #expect(nobody.counts?.reasons == [.accel: 1])
  }

  @Test(
    "an empty index answers, and so does one whose miners have left",
    arguments: IndexKind.allCases)
  func empty(kind: IndexKind) {
    var index = kind.index()
    let nothing = MatchCounts(eligible: 0, considered: 0, rejected: Array(repeating: 0, count: 11))
    #expect(index.match(query(), at: noon) == MatchAnswer(candidates: [], counts: nothing))
    index.add(record("m"))
    index.remove(id("m"))
    #expect(index.match(query(), at: noon) == MatchAnswer(candidates: [], counts: nothing))
  }

  @Test(
    "lists of more strings than a signature has bits are told apart",
    arguments: IndexKind.allCases)
  func manyStrings(kind: IndexKind) {
    var index = kind.index()
    for number in 0..<200 { index.add(record("m\(number)") { $0.capabilities = ["c\(number)"] }) }
    #expect(index.names(query { $0.capabilitiesAny = ["c70"] }) == ["m70"])
    #expect(index.names(query { $0.capabilitiesAll = ["c6", "c70"] }) == [])
  }
}

@Suite("texts are compared byte by byte")
struct ExactTextTests {
  @Test(
    "two spellings of one accent are two capabilities and two regions",
    arguments: IndexKind.allCases)
  func accents(kind: IndexKind) {
    var index = kind.index()
    for (name, text) in [("composed", "caf\u{E9}"), ("combined", "cafe\u{301}")] {
      index.upsert(
        record(name) {
          $0.capabilities = [text]
          $0.region = text
        })
      index.apply(patch(), to: id(name))
    }
    var byCapability = MatchQuery(jobID: "job")
    byCapability.topK = 10
    byCapability.capabilitiesAny = ["caf\u{E9}"]
    #expect(index.match(byCapability, at: noon).candidates.map(\.minerID) == [id("composed")])
    var byRegion = MatchQuery(jobID: "job")
    byRegion.topK = 10
    byRegion.region = "cafe\u{301}"
    #expect(index.match(byRegion, at: noon).candidates.map(\.minerID) == [id("combined")])
  }
}
