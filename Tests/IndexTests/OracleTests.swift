import Domain
import Index
import TestRandom
import Testing

/// Miners, changes and requests drawn at random, from so few words that they often meet.
private struct World {
  var random: SplitMix64
  let minerCount: Int
  var now = noon

  static let regions = ["", "eu", "us"]
  static let accelerators = ["cuda", "rocm", "metal"]
  static let words = (0..<90).map { "word-\($0)" }
  static let services = ["whisper", "blender"]

  init(seed: UInt64) {
    random = SplitMix64(seed: seed)
    // Some worlds have regions on both sides of what makes a large one.
    minerCount = random.pick([3, 20, 120, 450, 700])
  }

  mutating func miner() -> MinerID { id("m\(random.below(minerCount))") }

  mutating func words(upTo count: Int) -> [String] {
    // Most draw from a few, so that lists overlap; some from more than a signature can tell apart.
    (0..<random.below(count + 1)).map { _ in
      Self.words[random.chance(80) ? random.below(6) : random.below(90)]
    }
  }

  mutating func distinctWords(upTo count: Int) -> [String] { Array(Set(words(upTo: count))) }

  mutating func price() -> Price {
    Price(units: random.pick([0, 1, 1_000, 1_010, Int64(random.below(2_000_000_000))]))
  }

  mutating func record() -> MinerRecord {
    var profile = MinerProfile()
    profile.addr = "host:\(random.below(1_000))"
    profile.proto = random.pick(MinerProtocol.allCases)
    profile.region = random.chance(80) ? "eu" : random.pick(Self.regions)
    profile.gpuVRAMGB = random.pick([0, 8, 16, 24, 80])
    profile.ramGB = random.pick([0, 16, 64])
    profile.maxParallel = 1 + random.below(4)
    profile.price = price()
    profile.accel = random.some(Self.accelerators, upTo: 2)
    profile.tags = words(upTo: 3)
    profile.capabilities = words(upTo: 4)
    var record = MinerRecord(
      id: miner(), version: Int64(random.below(1_000_000)), profile: profile)
    record.services = random.some(Self.services, upTo: 2).map { type in
      EnabledService(
        type: type, price: random.chance(50) ? price() : nil, maxConcurrent: 1 + random.below(3),
        capabilities: words(upTo: 2))
    }
    if random.chance(20) {
      let end = now.advanced(byMilliseconds: Int64(random.below(60_000)) - 5_000)
      record.priceOverride = PriceOverride(
        price: price(), reason: "", expiresAt: random.chance(50) ? end : nil)
    }
    return record
  }

  mutating func patch() -> StatusPatch {
    let lease: UInt32 = random.chance(5) ? 0 : 20_000 + UInt32(random.below(40_000))
    var patch = StatusPatch(
      at: now.advanced(byMilliseconds: -Int64(random.below(10_000))), leaseMilliseconds: lease)
    if random.chance(70) { patch.queueLength = UInt32(random.below(5)) }
    if random.chance(30) { patch.busy = random.chance(20) }
    if random.chance(20) {
      patch.state = random.chance(70) ? .active : random.pick(MinerState.allCases)
    }
    if random.chance(60) { patch.avgLatencyMilliseconds = Double(random.below(5_000)) / 7 }
    return patch
  }

  mutating func change() -> Change {
    switch random.below(10) {
    case 0..<2: .record(record())
    case 2..<4:
      .trust(miner(), trust(Double(random.below(11)) / 10, version: Int64(random.below(1_000))))
    default: .status(miner(), patch())
    }
  }

  mutating func request() -> MatchQuery {
    var query = MatchQuery(jobID: "job")
    if random.chance(40) { query.region = random.pick(Self.regions + ["nowhere"]) }
    if random.chance(30) { query.accel = random.some(Self.accelerators + ["tpu"], upTo: 2) }
    if random.chance(30) { query.minVRAMGB = random.pick([8, 16, 100]) }
    if random.chance(20) { query.minRAMGB = random.pick([16, 64]) }
    if random.chance(40) { query.capabilitiesAny = distinctWords(upTo: 4) }
    if random.chance(15) { query.capabilitiesAll = distinctWords(upTo: 2) }
    if random.chance(20) { query.tagsAny = distinctWords(upTo: 3) }
    if random.chance(10) { query.tagsAll = distinctWords(upTo: 2) }
    if random.chance(20) { query.service = random.pick(Self.services + ["ffmpeg"]) }
    if random.chance(50) { query.maxPrice = price() }
    if random.chance(20) { query.minTrust = Double(random.below(11)) / 10 }
    if random.chance(20) { query.exclude = (0..<random.below(6)).map { _ in miner() } }
    query.topK = random.chance(50) ? 1 + random.below(5) : 50
    query.explainsFully = random.chance(50)
    return query
  }
}

@Suite struct OracleTests {
  @Test("answers what the naive index answers, to the bit", arguments: 0..<40 as Range<UInt64>)
  func againstNaiveIndex(seed: UInt64) {
    var world = World(seed: seed)
    var registry = Registry<ScanIndex>(weights: .standard, graceMilliseconds: 30_000)
    var naive = Registry<NaiveIndex>(weights: .standard, graceMilliseconds: 30_000)
    for step in 0..<80 {
      // The first steps people the world; later ones change it a little.
      let changeCount = step == 0 ? 6 * world.minerCount : world.random.below(12)
      for _ in 0..<changeCount {
        let change = world.change()
        registry.apply(change, at: world.now)
        naive.apply(change, at: world.now)
      }
      world.now = world.now.advanced(byMilliseconds: Int64(world.random.below(1_500)))
      let leaseTime = world.now.advanced(byMilliseconds: step % 20 < 5 ? -1_000 : 0)
      if world.random.chance(40) {
        registry.tick(at: world.now, leaseTime: leaseTime)
        naive.tick(at: world.now, leaseTime: leaseTime)
        var statistics = registry.statistics
        // A sum in another order has other last digits; RefreshTests looks at it.
        statistics.avgLatencyMilliseconds = nil
        #expect(statistics == naive.statistics, "seed \(seed), step \(step)")
      }
      let request = world.request()
      let answer = registry.match(request, at: world.now, leaseTime: leaseTime)
      let expected = naive.match(request, at: world.now, leaseTime: leaseTime)
      #expect(answer == expected, "seed \(seed), step \(step)")
      if let counts = answer.counts {
        #expect(counts.considered == counts.eligible + counts.rejected.reduce(0, +))
      }
    }
  }
}
