import Domain
import Index
import Testing

@Suite struct RefreshTests {
  /// A region of `count` miners that are alike, and one dear and slow one.
  func index(_ kind: IndexKind, of count: Int) -> any MinerIndex {
    var index = kind.index()
    for number in 0..<count - 1 {
      index.add(record("m\(number)") { $0.price = Price(units: 10) }) {
        $0.avgLatencyMilliseconds = 10
      }
    }
    index.add(record("odd") { $0.price = Price(units: 1_000) }) { $0.avgLatencyMilliseconds = 100 }
    index.refresh(at: noon)
    return index
  }

  func oddParts(_ index: inout any MinerIndex, at now: Timestamp = noon) -> ScoreParts? {
    let request = query { $0.tagsAny = ["odd"] }
    return index.match(request, at: now).candidates.first?.parts
  }

  @Test(
    "a small region's tables follow each change at once",
    arguments: IndexKind.allCases, [1, 2, 255])
  func small(kind: IndexKind, count: Int) {
    var index = index(kind, of: count)
    index.upsert(
      record("odd", version: 2) {
        $0.tags = ["odd"]
        $0.price = Price(units: 5)
      })
    index.apply(patch { $0.avgLatencyMilliseconds = 5 }, to: id("odd"))
    #expect(oddParts(&index)?.price == 1)
    #expect(oddParts(&index)?.latency == 1)
  }

  @Test("a large region's tables wait for the refresh", arguments: IndexKind.allCases)
  func large(kind: IndexKind) {
    var index = index(kind, of: 256)
    for number in 0..<200 {
      index.upsert(record("m\(number)", version: 2) { $0.price = Price(units: 9_000) })
    }
    index.upsert(
      record("odd", version: 2) {
        $0.tags = ["odd"]
        $0.price = Price(units: 1_000)
      })
    #expect(oddParts(&index)?.price == 0)
    index.refresh(at: noon)
    #expect(oddParts(&index)?.price == 1 - 55.0 / 255)
  }

  @Test(
    "a region that has just become large has tables before its first refresh",
    arguments: IndexKind.allCases)
  func growing(kind: IndexKind) {
    var index = kind.index()
    for number in 0..<300 {
      index.add(
        record("m\(number)") {
          $0.price = Price(units: Int64(number))
          if number == 30 { $0.tags = ["odd"] }
        })
    }
    #expect(oddParts(&index)?.price == 1 - 30.0 / 299)
  }

  @Test(
    "in a small region a lease that ended takes its miner out of the tables",
    arguments: IndexKind.allCases)
  func leaseEnds(kind: IndexKind) {
    var index = kind.index()
    index.upsert(record("cheap") { $0.price = Price(units: 1) })
    index.apply(patch(lease: 1_000), to: id("cheap"))
    index.add(record("odd") { $0.tags = ["odd"] })
    #expect(oddParts(&index, at: noon.advanced(byMilliseconds: 999))?.price == 0)
    #expect(oddParts(&index, at: noon.advanced(byMilliseconds: 1_000))?.price == 1)
  }

  @Test("the numbers of online miners are those of the last refresh", arguments: IndexKind.allCases)
  func statistics(kind: IndexKind) {
    var index = kind.index()
    for name in ["a", "b", "c"] {
      index.add(record(name) { $0.region = name == "c" ? "us" : "eu" })
    }
    index.upsert(record("off") { $0.region = "eu" })
    index.refresh(at: noon)
    #expect(index.statistics.minerCount == 4)
    #expect(index.statistics.onlineByRegion == ["eu": 2, "us": 1])
    index.remove(id("c"))
    index.refresh(at: noon.advanced(byMilliseconds: 60_000))
    #expect(index.statistics.onlineByRegion == ["eu": 0])
  }
}
