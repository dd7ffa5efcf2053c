import Domain
import TestRandom
import Testing

@testable import Index

/// A fleet in both indexes that has just grown enough to be ordered anew, in steps.
private struct GrownFleet {
  var world: RandomWorld
  var block = BlockIndex()
  var scan = ScanIndex()
  let count: Int

  /// - Parameter count: at first; later twice as many, and `regions` more.
  init(_ count: Int, seed: UInt64, regions: [String] = ["eu"]) {
    self.count = count
    world = RandomWorld(WorldShape(minerCount: 2 * count, regions: regions), seed: seed)
    block.mostOrderedAtOnce = 0
    add(0..<count)
    refresh()
    add(count..<2 * count)
    refresh()
  }

  mutating func add(_ numbers: Range<Int>) {
    for number in numbers {
      let record = world.record(id("m\(number)"))
      let status = world.patch()
      block.upsert(record)
      scan.upsert(record)
      block.apply(status, to: record.id)
      scan.apply(status, to: record.id)
    }
  }

  mutating func remove(_ number: Int) {
    let gone = (block.remove(id("m\(number)")), scan.remove(id("m\(number)")))
    #expect(gone.0 == gone.1)
  }

  mutating func refresh() {
    block.refresh(at: world.now)
    scan.refresh(at: world.now)
  }

  /// - Returns: whether some requests, one that counts everybody among them, get the same answers.
  mutating func agrees() -> Bool {
    (0..<3).allSatisfy { _ in agrees(on: world.request()) } && agrees(on: query())
  }

  mutating func agrees(on query: MatchQuery) -> Bool {
    block.match(query, at: world.now).isIdentical(to: scan.match(query, at: world.now))
  }

  /// Goes on until the order is made.
  ///
  /// - Returns: how many steps that took; nil when it didn't end or an answer was wrong.
  mutating func finish(budget: Int = 4, _ each: (inout Self) -> Void = { _ in }) -> Int? {
    for step in 0..<100_000 {
      if !block.isOrdering { return step }
      block.maintain(budget: budget)
      each(&self)
      if !agrees() { return nil }
    }
    return nil
  }
}

@Suite struct OrderingTests {
  private func expectAgreement(_ fleet: inout GrownFleet) {
    let agrees = fleet.agrees()
    #expect(agrees)
  }

  @Test(
    "an order made in steps changes no answer, and ends", arguments: 1...3 as ClosedRange<UInt64>)
  func inSteps(seed: UInt64) throws {
    var fleet = GrownFleet(400, seed: seed)
    #expect(fleet.block.isOrdering)
    let found = fleet.finish()
    let steps = try #require(found)
    #expect(steps > 10)
    fleet.refresh()
    #expect(!fleet.block.isOrdering, "it stays in order")
    #expect(fleet.block.regions[0]!.bands.blocks.joined().count >= 800 / 64)
  }

  @Test("miners come, change and leave while their order is made")
  func amidChanges() {
    var fleet = GrownFleet(250, seed: 4)
    var next = 2 * fleet.count
    var oldest = 0
    let steps = fleet.finish { fleet in
      fleet.add(next..<next + 2)
      next += 2
      fleet.remove(oldest)
      oldest += 1
      // A newer record, perhaps of one that has been moved, perhaps of one that hasn't.
      fleet.add(oldest + 30..<oldest + 31)
    }
    #expect(steps != nil)
  }

  @Test("a region whose order is in the making may lose all its miners")
  func regionLeaves() {
    var fleet = GrownFleet(200, seed: 5)
    for _ in 0..<8 { fleet.block.maintain(budget: 4) }
    #expect(fleet.block.isOrdering)
    for number in 0..<2 * fleet.count { fleet.remove(number) }
    #expect(!fleet.block.isOrdering)
    expectAgreement(&fleet)
    fleet.add(0..<300)
    fleet.refresh()
    let steps = fleet.finish()
    #expect(steps != nil)
  }

  @Test("prices that the bounds were not made for")
  func otherPrices() {
    var fleet = GrownFleet(300, seed: 6)
    let steps = fleet.finish()
    #expect(steps != nil)
    let before = fleet.block.grid.caps
    for number in 600..<1_600 {
      var record = fleet.world.record(id("m\(number)"))
      record.profile.price = Price(units: 1_000_000_000_000 + record.profile.price.units)
      fleet.block.upsert(record)
      fleet.scan.upsert(record)
      let status = fleet.world.patch()
      fleet.block.apply(status, to: record.id)
      fleet.scan.apply(status, to: record.id)
    }
    fleet.refresh()
    #expect(fleet.block.isOrdering)
    #expect(fleet.block.grid.caps != before)
    // Before any block's turn has come: what stood for a cap of the old grid must not stand for a
    // higher one of the new.
    for place in 0..<150 {
      let capped = query {
        $0.topK = 1 + place % 3
        $0.explainsFully = false
        $0.maxPrice = Price(units: 1 << Int64(fleet.world.random.below(41)))
      }
      let agrees = fleet.agrees(on: capped)
      #expect(agrees, "\(capped)")
    }
    let more = fleet.finish()
    #expect(more != nil)
  }

  @Test("a large fleet comes in, is put in order at once, grows, and is put in order in steps")
  func largeFleet() {
    var fleet = GrownFleet(BlockIndex.fewMiners + 200, seed: 7, regions: ["eu", "us"])
    #expect(fleet.block.isOrdering)
    expectAgreement(&fleet)
    for _ in 0..<50 { fleet.block.maintain() }
    expectAgreement(&fleet)
  }

  @Test("whoever asks, changes or leaves before the first refresh finds all that came")
  func beforeRefresh() {
    var fleets = (0..<3).map { _ in (BlockIndex(), ScanIndex()) }
    for place in fleets.indices {
      var world = RandomWorld(WorldShape(minerCount: 100), seed: 8)
      for number in 0..<100 {
        let record = world.record(id("m\(number)"))
        let status = world.patch()
        fleets[place].0.upsert(record)
        fleets[place].1.upsert(record)
        fleets[place].0.apply(status, to: record.id)
        fleets[place].1.apply(status, to: record.id)
      }
      let newer = record("m7", version: 1_000_000) { $0.region = "us" }
      switch place {
      case 0: break
      case 1:
        fleets[place].0.upsert(newer)
        fleets[place].1.upsert(newer)
      default:
        let gone = (fleets[place].0.remove(id("m3")), fleets[place].1.remove(id("m3")))
        #expect(gone.0 == gone.1)
      }
      for _ in 0..<40 {
        let query = world.request()
        let answer = fleets[place].0.match(query, at: world.now)
        let expected = fleets[place].1.match(query, at: world.now)
        #expect(answer.isIdentical(to: expected))
      }
    }
  }
}
