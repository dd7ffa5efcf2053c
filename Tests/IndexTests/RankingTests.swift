import Domain
import Index
import Testing

@Suite struct RankingTests {
  @Test(
    "a candidate carries all that the coordinator needs, worked out by hand",
    arguments: IndexKind.allCases)
  func candidate(kind: IndexKind) throws {
    var index = kind.index()
    index.add(
      record("near") {
        $0.region = "eu"
        $0.proto = .grpcs
        $0.price = Price(units: 20_000_000)
        $0.capabilities = ["a", "b"]
      }
    ) {
      $0.queueLength = 1
      $0.avgLatencyMilliseconds = 12.5
    }
    index.add(record("far") { $0.region = "eu" }) { $0.avgLatencyMilliseconds = 80 }
    index.apply(trust(0.7), to: id("near"))
    let request = query {
      $0.capabilitiesAny = ["a", "x"]
      $0.maxPrice = Price(units: 80_000_000)
    }
    let best = try #require(index.match(request, at: noon).candidates.first)
    #expect(best.minerID == id("near"))
    #expect(best.addr == "near:9000")
    #expect(best.proto == .grpcs)
    #expect(best.region == "eu")
    #expect(
      best.parts == ScoreParts(cap: 0.5, price: 0.75, latency: 1, trust: 0.7, load: 0.75))
    // 0.40·0.5 + 0.20·0.75 + 0.20·1 + 0.15·0.7 + 0.05·0.75
    #expect(abs(best.score - 0.6925) < 1e-12)
    #expect(best.price == Price(units: 20_000_000))
    #expect(best.trust == 0.7)
    #expect(best.etaMilliseconds == 25)
  }

  @Test(
    "an unknown latency has no expected time, a half of the part, and moves no other's rank",
    arguments: IndexKind.allCases)
  func unknownLatency(kind: IndexKind) throws {
    var index = kind.index()
    index.add(record("slow")) { $0.avgLatencyMilliseconds = 90 }
    index.add(record("fast")) { $0.avgLatencyMilliseconds = 10 }
    index.add(record("unknown"))
    let found = index.match(query(), at: noon).candidates
    #expect(found.map(\.minerID.text) == ["fast", "unknown", "slow"])
    #expect(found.map(\.parts.latency) == [1, 0.5, 0])
    #expect(found.map(\.etaMilliseconds) == [10, nil, 90])
  }

  @Test("equal scores go to the lower id by bytes", arguments: IndexKind.allCases)
  func ties(kind: IndexKind) {
    var index = kind.index()
    let names = ["b", "a.2", "B", "a", "a-1", "a:1", "_", "10", "9"]
    for name in names { index.add(record(name)) }
    #expect(index.names(query()) == ["10", "9", "B", "_", "a", "a-1", "a.2", "a:1", "b"])
    #expect(index.names(query { $0.topK = 3 }) == ["10", "9", "B"])
  }

  @Test("top_k holds the best, best first", arguments: IndexKind.allCases, [1, 2, 7, 50])
  func topK(kind: IndexKind, count: Int) {
    var index = kind.index()
    let numbers = [31, 4, 15, 9, 26, 5, 35, 8, 97, 93, 23, 84, 62, 64, 33]
    for number in numbers {
      index.add(record("m\(number)") { $0.price = Price(units: Int64(number) * 1_000) })
    }
    let expected = numbers.sorted().prefix(count).map { "m\($0)" }
    let request = query {
      $0.topK = count
      $0.maxPrice = Price(units: 100_000)
    }
    #expect(index.names(request) == expected)
  }

  @Test(
    "prices without a cap rank within their own region, busy miners included",
    arguments: IndexKind.allCases)
  func priceRanks(kind: IndexKind) {
    var index = kind.index()
    for (name, region, price) in [
      ("a", "eu", 10), ("b", "eu", 20), ("c", "eu", 30), ("busy", "eu", 5), ("off", "eu", 1),
      ("z", "us", 50),
    ] {
      index.upsert(
        record(name) {
          $0.region = region
          $0.price = Price(units: Int64(price))
        })
      if name != "off" { index.apply(patch { $0.busy = name == "busy" }, to: id(name)) }
    }
    let found = index.match(query(), at: noon).candidates
    let parts = Dictionary(
      uniqueKeysWithValues: found.map { ($0.minerID.text, $0.parts.price) })
    // Four are online in eu: 5, 10, 20, 30.
    let expected: [String: Double] = ["a": 1 - 1.0 / 3, "b": 1 - 2.0 / 3, "c": 0, "z": 1]
    #expect(parts == expected)
  }

  @Test(
    "an override replaces the price until it expires, in the filter, the answer and the ranks",
    arguments: IndexKind.allCases)
  func override(kind: IndexKind) throws {
    var index = kind.index()
    var dear = record("dear") { $0.price = Price(units: 900) }
    let end = noon.advanced(byMilliseconds: 1_000)
    dear.priceOverride = PriceOverride(price: Price(units: 10), reason: "sale", expiresAt: end)
    index.add(dear)
    index.add(record("plain") { $0.price = Price(units: 50) })
    let capped = query { $0.maxPrice = Price(units: 100) }
    let before = end.advanced(byMilliseconds: -1)
    #expect(index.names(capped, at: before) == ["dear", "plain"])
    #expect(index.names(capped, at: end) == ["plain"])
    #expect(index.match(query(), at: before).candidates.map(\.parts.price) == [1, 0])
    let after = index.match(query(), at: end).candidates
    #expect(after.map(\.minerID.text) == ["plain", "dear"])
    #expect(after.map(\.price.units) == [50, 900])
    #expect(after.map(\.parts.price) == [1, 0])
  }

  @Test(
    "an override without an end stays, and goes with a newer record",
    arguments: IndexKind.allCases)
  func endlessOverride(kind: IndexKind) {
    var index = kind.index()
    var miner = record("m")
    miner.priceOverride = PriceOverride(price: .zero, reason: "", expiresAt: nil)
    index.add(miner)
    let free = query { $0.maxPrice = .zero }
    #expect(index.names(free) == ["m"])
    index.upsert(record("m", version: 2))
    #expect(index.names(free) == [])
  }

  @Test(
    "overrides end by the clock even while the lease clock stands still",
    arguments: IndexKind.allCases)
  func overrideUnderStoppedLeases(kind: IndexKind) {
    var index = kind.index()
    var miner = record("m")
    miner.priceOverride = PriceOverride(
      price: .zero, reason: "", expiresAt: noon.advanced(byMilliseconds: 70_000))
    index.add(miner)
    let free = query { $0.maxPrice = .zero }
    let later = noon.advanced(byMilliseconds: 69_999)
    #expect(index.match(free, at: later, leaseTime: noon).candidates.count == 1)
    let end = noon.advanced(byMilliseconds: 70_000)
    #expect(index.match(free, at: end, leaseTime: noon).counts?.reasons == [.price: 1])
  }
}

@Suite struct ServiceTests {
  func whisperer(
    price: Int64?, maxConcurrent: Int, override: Int64? = nil
  ) -> MinerRecord {
    var miner = record("m") { $0.price = Price(units: 100) }
    miner.services = [
      EnabledService(
        type: "whisper", price: price.map { Price(units: $0) }, maxConcurrent: maxConcurrent,
        capabilities: ["large-v3"])
    ]
    miner.priceOverride = override.map {
      PriceOverride(price: Price(units: $0), reason: "", expiresAt: nil)
    }
    return miner
  }

  @Test(
    "a service's price counts where it is set, an override's above all",
    arguments: [(nil, nil, 100), (7, nil, 7), (7, 3, 3), (nil, 3, 3)] as [(Int64?, Int64?, Int64)])
  func price(own: Int64?, override: Int64?, expected: Int64) {
    for kind in IndexKind.allCases {
      var index = kind.index()
      index.add(whisperer(price: own, maxConcurrent: 2, override: override))
      let found = index.match(query { $0.service = "whisper" }, at: noon).candidates
      #expect(found.map(\.price.units) == [expected], "\(kind)")
      let plain = index.match(query(), at: noon).candidates
      #expect(plain.map(\.price.units) == [override ?? 100], "\(kind)")
    }
  }

  @Test(
    "a service has the fewer of its own and the miner's slots",
    arguments: IndexKind.allCases, [1, 2, 4, 10])
  func slots(kind: IndexKind, maxConcurrent: Int) {
    var index = kind.index()
    index.add(whisperer(price: nil, maxConcurrent: maxConcurrent)) { $0.queueLength = 1 }
    let answer = index.match(query { $0.service = "whisper" }, at: noon)
    let slots = min(4, maxConcurrent)
    if slots == 1 {
      #expect(answer.counts?.reasons == [.full: 1])
    } else {
      #expect(answer.candidates.map(\.parts.load) == [1 - 1.0 / Double(slots)])
    }
    #expect(index.match(query(), at: noon).candidates.map(\.parts.load) == [0.75])
  }

  @Test(
    "an enabled service's capabilities count among the miner's, asked for or not",
    arguments: IndexKind.allCases)
  func capabilities(kind: IndexKind) {
    var index = kind.index()
    index.add(whisperer(price: nil, maxConcurrent: 1))
    #expect(index.names(query { $0.capabilitiesAll = ["large-v3"] }) == ["m"])
    var without = record("m", version: 2)
    without.services = []
    index.upsert(without)
    #expect(index.names(query { $0.capabilitiesAll = ["large-v3"] }) == [])
    #expect(
      index.match(query { $0.service = "whisper" }, at: noon).counts?.reasons == [.service: 1])
  }

  @Test(
    "an uncapped service price ranks among the region's base prices",
    arguments: IndexKind.allCases)
  func rank(kind: IndexKind) {
    var index = kind.index()
    index.add(whisperer(price: 25, maxConcurrent: 1))
    for price in [10, 20, 30] {
      index.add(record("p\(price)") { $0.price = Price(units: Int64(price)) })
    }
    // Base prices 10, 20, 30 and the miner's own 100: two of them are below 25.
    let found = index.match(query { $0.service = "whisper" }, at: noon).candidates
    #expect(found.map(\.parts.price) == [1 - 2.0 / 3])
  }
}
