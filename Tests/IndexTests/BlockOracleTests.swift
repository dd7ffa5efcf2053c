import Domain
import Index
import TestRandom
import Testing

/// How a world of miners for the comparison looks.
struct BlockWorld: Sendable, CustomTestStringConvertible {
  var testDescription: String
  var seeds: Range<UInt64>
  var minerCount: Int
  var stepCount: Int
  var queriesPerStep: Int
  var changesPerStep = 20
  var weights = Weights.standard
  var regions = ["", "eu", "us"]
  var wordCount = 90
  var prices: [Int64] = [0, 1, 1_000, 1_010, 50_000_000, 100_000_000]
  var priceBound = 2_000_000_000
  /// Percent of steps at which the time goes back, overrides' and leases'.
  var backwardsPercent = 3
  var isUniform = false
  /// Percent of changes that take a miner out.
  var removalPercent = 3
  var graceMilliseconds: Int64 = 30_000

  static let all: [BlockWorld] = [
    BlockWorld(
      testDescription: "one miner", seeds: 0..<4, minerCount: 1, stepCount: 100,
      queriesPerStep: 20, changesPerStep: 1),
    BlockWorld(
      testDescription: "a few", seeds: 10..<20, minerCount: 12, stepCount: 100,
      queriesPerStep: 40, changesPerStep: 3),
    BlockWorld(
      testDescription: "a few blocks", seeds: 20..<30, minerCount: 230, stepCount: 50,
      queriesPerStep: 50),
    BlockWorld(
      testDescription: "a region that is large now and then", seeds: 30..<36, minerCount: 330,
      stepCount: 60, queriesPerStep: 30, removalPercent: 12),
    BlockWorld(
      testDescription: "large regions", seeds: 40..<44, minerCount: 1_500, stepCount: 10,
      queriesPerStep: 30, changesPerStep: 100),
    BlockWorld(
      testDescription: "several superblocks", seeds: 50..<52, minerCount: 9_000, stepCount: 5,
      queriesPerStep: 40, changesPerStep: 300, regions: ["eu"]),
    BlockWorld(
      testDescription: "all alike", seeds: 60..<64, minerCount: 400, stepCount: 30,
      queriesPerStep: 40, isUniform: true),
    BlockWorld(
      testDescription: "many regions", seeds: 70..<74, minerCount: 600, stepCount: 25,
      queriesPerStep: 40, regions: (0..<60).map { "r\($0)" }),
    BlockWorld(
      testDescription: "many words", seeds: 80..<84, minerCount: 500, stepCount: 30,
      queriesPerStep: 40, wordCount: 3_000),
    BlockWorld(
      testDescription: "few words, from rare to common and back", seeds: 90..<94,
      minerCount: 60, stepCount: 60, queriesPerStep: 30, wordCount: 12, removalPercent: 30),
    BlockWorld(
      testDescription: "extreme prices", seeds: 100..<106, minerCount: 200, stepCount: 40,
      queriesPerStep: 40,
      prices: [0, 1, 2, 1_000_000, 100_000_000_000_000_000, 99_999_999_999_999_999],
      priceBound: 100_000_000_000_000_000),
    BlockWorld(
      testDescription: "the price alone counts", seeds: 110..<113, minerCount: 300, stepCount: 30,
      queriesPerStep: 40, weights: Weights(cap: 0, price: 3, latency: 0, trust: 0, load: 0)),
    BlockWorld(
      testDescription: "the latency alone counts", seeds: 120..<123, minerCount: 300,
      stepCount: 30, queriesPerStep: 40,
      weights: Weights(cap: 0, price: 0, latency: 0.1, trust: 0, load: 0)),
    BlockWorld(
      testDescription: "the capabilities alone count", seeds: 130..<133, minerCount: 300,
      stepCount: 30, queriesPerStep: 40,
      weights: Weights(cap: 1, price: 0, latency: 0, trust: 0, load: 0)),
    BlockWorld(
      testDescription: "load and trust alone count", seeds: 140..<143, minerCount: 300,
      stepCount: 30, queriesPerStep: 40,
      weights: Weights(cap: 0, price: 0, latency: 0, trust: 1e-9, load: 1_000)),
    BlockWorld(
      testDescription: "time goes back often", seeds: 150..<156, minerCount: 300, stepCount: 60,
      queriesPerStep: 20, backwardsPercent: 40),
  ]

  static let runs: [Run] = all.flatMap { world in
    world.seeds.map { Run(world: world, seed: $0) }
  }

  struct Run: Sendable, CustomTestStringConvertible {
    var world: BlockWorld
    var seed: UInt64
    var testDescription: String { "\(world.testDescription), seed \(seed)" }
  }
}

/// Draws the changes and requests of a world.
private struct Draw {
  let world: BlockWorld
  var random: SplitMix64
  var now = noon
  var version: Int64 = 0

  static let accelerators = ["cuda", "rocm", "metal"]
  static let services = ["whisper", "blender"]

  init(_ run: BlockWorld.Run) {
    world = run.world
    random = SplitMix64(seed: run.seed)
  }

  mutating func miner() -> MinerID { id("m\(random.below(world.minerCount))") }

  mutating func word() -> String {
    "word-\(random.chance(70) ? random.below(6) : random.below(world.wordCount))"
  }

  mutating func words(upTo count: Int) -> [String] {
    (0..<random.below(count + 1)).map { _ in word() }
  }

  mutating func distinctWords(upTo count: Int) -> [String] { Array(Set(words(upTo: count))) }

  mutating func price() -> Price {
    if random.chance(40) { return Price(units: random.pick(world.prices)) }
    return Price(units: Int64(random.below(world.priceBound) >> random.below(20)))
  }

  mutating func record(_ id: MinerID) -> MinerRecord {
    version += 1
    var profile = MinerProfile()
    profile.addr = "host:\(random.below(1_000))"
    if world.isUniform { return MinerRecord(id: id, version: version, profile: profile) }
    profile.proto = random.pick(MinerProtocol.allCases)
    profile.region = random.chance(60) ? world.regions[0] : random.pick(world.regions)
    profile.gpuVRAMGB = random.pick([0, 8, 16, 24, 80, 8.1, 23.99])
    profile.ramGB = random.pick([0, 16, 64, 16.000_001])
    profile.maxParallel = 1 + random.below(4)
    profile.price = price()
    profile.accel = random.some(Self.accelerators, upTo: 2)
    profile.tags = words(upTo: 3)
    profile.capabilities = words(upTo: 5)
    var record = MinerRecord(
      id: id, version: version - Int64(random.below(3)), profile: profile)
    record.services = random.some(Self.services, upTo: 2).map { type in
      EnabledService(
        type: type, price: random.chance(50) ? price() : nil, maxConcurrent: 1 + random.below(3),
        capabilities: words(upTo: 2))
    }
    if random.chance(20) {
      let end = now.advanced(byMilliseconds: Int64(random.below(60_000)) - 5_000)
      record.priceOverride = PriceOverride(
        price: price(), reason: "", expiresAt: random.chance(70) ? end : nil)
    }
    return record
  }

  mutating func patch() -> StatusPatch {
    if world.isUniform { return StatusPatch(at: now, leaseMilliseconds: 60_000) }
    let lease: UInt32 = random.chance(5) ? 0 : 20_000 + UInt32(random.below(40_000))
    var patch = StatusPatch(
      at: now.advanced(byMilliseconds: -Int64(random.below(10_000))), leaseMilliseconds: lease)
    if random.chance(70) { patch.queueLength = UInt32(random.below(5)) }
    if random.chance(30) { patch.busy = random.chance(20) }
    if random.chance(20) {
      patch.state = random.chance(70) ? .active : random.pick(MinerState.allCases)
    }
    if random.chance(60) { patch.avgLatencyMilliseconds = Double(random.below(5_000)) / 7 }
    if random.chance(10) { patch.memFreeGB = 3 }
    return patch
  }

  mutating func request() -> MatchQuery {
    var query = MatchQuery(jobID: "job")
    if random.chance(40) { query.region = random.pick(world.regions + ["nowhere"]) }
    if random.chance(20) { query.accel = random.some(Self.accelerators + ["tpu"], upTo: 2) }
    if random.chance(30) { query.minVRAMGB = random.pick([8, 16, 100, 8.05, 23.995]) }
    if random.chance(15) { query.minRAMGB = random.pick([16, 64, 16.000_000_5]) }
    if random.chance(50) { query.capabilitiesAny = distinctWords(upTo: 5) }
    if random.chance(15) { query.capabilitiesAll = distinctWords(upTo: 2) }
    if random.chance(15) { query.tagsAny = distinctWords(upTo: 3) }
    if random.chance(10) { query.tagsAll = distinctWords(upTo: 2) }
    if random.chance(15) { query.service = random.pick(Self.services + ["ffmpeg"]) }
    if random.chance(60) { query.maxPrice = price() }
    if random.chance(15) { query.minTrust = Double(random.below(11)) / 10 }
    if random.chance(20) { query.exclude = (0..<random.below(6)).map { _ in miner() } }
    query.topK = random.chance(60) ? 1 + random.below(4) : random.pick([1, 50])
    query.explainsFully = random.chance(20)
    return query
  }
}

@Suite struct BlockOracleTests {
  @Test(
    "the block index answers what the plain scan answers, to the bit", arguments: BlockWorld.runs)
  func againstScan(run: BlockWorld.Run) {
    var draw = Draw(run)
    var pair = (
      block: BlockIndex(weights: run.world.weights), scan: ScanIndex(weights: run.world.weights)
    )
    for number in 0..<run.world.minerCount {
      let id = id("m\(number)")
      change(&pair, .record(draw.record(id)))
      change(&pair, .status(id, draw.patch()))
    }
    for step in 0..<run.world.stepCount {
      advance(&draw, &pair, step)
      let leaseTime = draw.now.advanced(byMilliseconds: step % 20 < 5 ? -1_000 : 0)
      if draw.random.chance(40) {
        pair.block.refresh(at: draw.now, leaseTime: leaseTime)
        pair.scan.refresh(at: draw.now, leaseTime: leaseTime)
        expectSameStatistics(pair.block.statistics, pair.scan.statistics, run, step)
      }
      for _ in 0..<run.world.queriesPerStep {
        let query = draw.request()
        let answer = pair.block.match(query, at: draw.now, leaseTime: leaseTime)
        let expected = pair.scan.match(query, at: draw.now, leaseTime: leaseTime)
        if answer != expected {
          Issue.record("\(run.testDescription), step \(step): \(query)\n\(answer)\n\(expected)")
          return
        }
      }
    }
  }

  private func advance(
    _ draw: inout Draw, _ pair: inout (block: BlockIndex, scan: ScanIndex), _ step: Int
  ) {
    for _ in 0..<draw.random.below(draw.world.changesPerStep + 1) {
      let id = draw.miner()
      switch draw.random.below(100) {
      case 0..<draw.world.removalPercent:
        let removed = (pair.block.remove(id), pair.scan.remove(id))
        #expect(removed.0 == removed.1)
      case ..<25: change(&pair, .record(draw.record(id)))
      case ..<45:
        let score = draw.world.isUniform ? 0.5 : Double(draw.random.below(11)) / 10
        change(&pair, .trust(id, trust(score, version: Int64(draw.random.below(1_000)))))
      default: change(&pair, .status(id, draw.patch()))
      }
    }
    let isBack = draw.random.chance(draw.world.backwardsPercent)
    draw.now = draw.now.advanced(
      byMilliseconds: Int64(draw.random.below(1_500)) * (isBack ? -10 : 1))
    if draw.random.chance(5) {
      let cutoff = draw.now.advanced(byMilliseconds: -draw.world.graceMilliseconds)
      let leavers = (
        pair.block.removeMiners(leaseEndedBefore: cutoff, limit: 100_000),
        pair.scan.removeMiners(leaseEndedBefore: cutoff, limit: 100_000)
      )
      #expect(Set(leavers.0.map(\.record.id)) == Set(leavers.1.map(\.record.id)))
    }
    if draw.random.chance(20) { pair.block.maintain(budget: 8) }
  }

  private func change(
    _ pair: inout (block: BlockIndex, scan: ScanIndex), _ change: Change
  ) {
    switch change {
    case .record(let record):
      pair.block.upsert(record)
      pair.scan.upsert(record)
    case .trust(let id, let trust):
      #expect(pair.block.apply(trust, to: id) == pair.scan.apply(trust, to: id))
    case .status(let id, let patch):
      #expect(pair.block.apply(patch, to: id) == pair.scan.apply(patch, to: id))
    case .revoked, .connected: break
    }
  }

  private func expectSameStatistics(
    _ own: IndexStatistics, _ expected: IndexStatistics, _ run: BlockWorld.Run, _ step: Int
  ) {
    #expect(own.minerCount == expected.minerCount, "\(run.testDescription), step \(step)")
    #expect(own.onlineByRegion == expected.onlineByRegion, "\(run.testDescription), step \(step)")
    let latency = (own.avgLatencyMilliseconds ?? -1, expected.avgLatencyMilliseconds ?? -1)
    // The block index adds up in 1/64 ms; the plain one passes over changes within a bucket.
    #expect(
      abs(latency.0 - latency.1) <= (1 + latency.1) / 64, "\(run.testDescription), step \(step)")
  }
}
