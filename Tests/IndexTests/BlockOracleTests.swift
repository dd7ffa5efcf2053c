import Domain
import Index
import Testing

/// The same changes and requests for both indexes.
private struct IndexPair {
  let run: OracleRun
  var world: RandomWorld
  var block: BlockIndex
  var scan: ScanIndex
  /// The miners held, and the numbers of those that aren't.
  private var present: [Int] = []
  private var absent: [Int]
  private(set) var answerCount = 0
  /// The first answer that wasn't the plain one's.
  private(set) var difference: String?

  init(_ run: OracleRun) {
    self.run = run
    world = RandomWorld(run.shape, seed: run.seed)
    block = BlockIndex(weights: run.weights)
    if run.isOrderedInSteps { block.mostOrderedAtOnce = 0 }
    scan = ScanIndex(weights: run.weights)
    absent = Array((0..<run.shape.minerCount).reversed())
    if !run.isTidal { join(run.shape.minerCount) }
  }

  mutating func step(_ step: Int) {
    if run.isTidal { followTide(step) }
    changeSome()
    world.advance()
    if world.random.chance(5) { removeOffline() }
    if world.random.chance(20) { block.maintain(budget: 8) }
    let leaseTime = world.now.advanced(byMilliseconds: step % 20 < 5 ? -1_000 : 0)
    if world.random.chance(40) {
      block.refresh(at: world.now, leaseTime: leaseTime)
      scan.refresh(at: world.now, leaseTime: leaseTime)
      expectSameStatistics(block.statistics, scan.statistics)
    }
    for _ in 0..<run.queriesPerStep {
      ask(world.request(), leaseTime, step)
      if difference != nil { return }
      if world.random.chance(run.maintainPercent) {
        block.maintain(budget: 1 + world.random.below(8))
      }
    }
  }

  private mutating func ask(_ query: MatchQuery, _ leaseTime: Timestamp, _ step: Int) {
    let answer = block.match(query, at: world.now, leaseTime: leaseTime)
    let expected = scan.match(query, at: world.now, leaseTime: leaseTime)
    answerCount += 1
    if answer.isIdentical(to: expected) { return }
    difference = "\(run.testDescription), step \(step): \(query)\n\(answer)\n\(expected)"
  }

  private mutating func changeSome() {
    for _ in 0..<world.random.below(run.changesPerStep + 1) {
      let id = world.miner()
      if world.random.chance(run.removalPercent) {
        remove(id)
      } else {
        take(world.change(of: id))
      }
      if world.random.chance(40) {
        let (id, difference) = (world.miner(), world.offers())
        block.countOffers(difference, to: id)
        scan.countOffers(difference, to: id)
      }
    }
  }

  private mutating func take(_ change: Change) {
    switch change {
    case .record(let record):
      // A tide alone says who is there.
      if run.isTidal && !scan.contains(record.id) { return }
      block.upsert(record)
      scan.upsert(record)
    case .trust(let id, let trust):
      #expect(block.apply(trust, to: id) == scan.apply(trust, to: id))
    case .status(let id, let patch):
      #expect(block.apply(patch, to: id) == scan.apply(patch, to: id))
    case .revoked, .connected: break
    }
  }

  private mutating func remove(_ id: MinerID) {
    let removed = (block.remove(id), scan.remove(id))
    #expect(removed.0 == removed.1)
  }

  private mutating func removeOffline() {
    let cutoff = world.now.advanced(byMilliseconds: -run.graceMilliseconds)
    let leavers = (
      block.removeMiners(leaseEndedBefore: cutoff, limit: 100_000),
      scan.removeMiners(leaseEndedBefore: cutoff, limit: 100_000)
    )
    #expect(Set(leavers.0.map(\.record.id)) == Set(leavers.1.map(\.record.id)))
  }

  private func expectSameStatistics(_ own: IndexStatistics, _ expected: IndexStatistics) {
    #expect(own.minerCount == expected.minerCount, "\(run.testDescription)")
    #expect(own.onlineByRegion == expected.onlineByRegion, "\(run.testDescription)")
    let latency = (own.avgLatencyMilliseconds ?? -1, expected.avgLatencyMilliseconds ?? -1)
    // The block index adds up in 1/64 ms; the plain one passes over changes within a bucket.
    #expect(abs(latency.0 - latency.1) <= (1 + latency.1) / 64, "\(run.testDescription)")
  }
}

// Coming and going.
extension IndexPair {
  private mutating func join(_ count: Int) {
    for _ in 0..<min(count, absent.count) {
      let number = absent.removeLast()
      present.append(number)
      let id = id("m\(number)")
      let record = world.record(id)
      block.upsert(record)
      scan.upsert(record)
      take(.status(id, world.patch()))
    }
  }

  /// From nobody to all and back to nobody, twice.
  private mutating func followTide(_ step: Int) {
    let half = max(1, run.stepCount / 4)
    let height = step / half % 2 == 0 ? step % half : half - step % half
    let target = run.shape.minerCount * height / half
    join(target - present.count > 0 ? target - present.count : 0)
    while present.count > target {
      let number = present.remove(at: world.random.below(present.count))
      absent.append(number)
      remove(id("m\(number)"))
    }
  }
}

@Suite struct BlockOracleTests {
  @Test(
    "the block index answers what the plain scan answers, to the bit", arguments: OracleRun.all)
  func againstScan(run: OracleRun) {
    var pair = IndexPair(run)
    for step in 0..<run.stepCount {
      pair.step(step)
      if let difference = pair.difference {
        Issue.record(Comment(rawValue: difference))
        return
      }
    }
    #expect(pair.answerCount == run.stepCount * run.queriesPerStep)
  }

  @Test("together these are more than a hundred thousand answers")
  func answerCount() {
    #expect(OracleRun.all.reduce(0) { $0 + $1.stepCount * $1.queriesPerStep } > 100_000)
  }
}
