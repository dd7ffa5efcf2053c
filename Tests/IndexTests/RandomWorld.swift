import Domain
import Index
import TestRandom

/// What miners, their changes and requests are drawn from.
struct WorldShape: Sendable {
  var minerCount: Int
  /// Most miners are in the first.
  var regions = ["", "eu", "us"]
  /// Names of capabilities and tags. A few are common, the others the rarer the more there are.
  var wordCount = 90
  /// The most capabilities of one miner, without its services'.
  var capabilityCount = 5
  var prices: [Int64] = [0, 1, 1_000, 1_010, 50_000_000, 100_000_000]
  var priceBound = 2_000_000_000
  var slots = [1, 2, 3, 4]
  var queues: [UInt32] = [0, 1, 2, 3, 4]
  var leaseMilliseconds: Range<UInt32> = 20_000..<60_000
  /// How long before and after now a price override ends.
  var overrideMilliseconds: Range<Int64> = -5_000..<55_000
  var overridePercent = 20
  var serviceRequestPercent = 15
  /// All times are multiples of it: the coarser, the more often something ends just now.
  var grainMilliseconds: Int64 = 1
  /// Percent of steps at which the time goes back, overrides' and leases'.
  var backwardsPercent = 3
  /// Percent of requests that nobody passes.
  var impossiblePercent = 2
  /// No two miners differ but by name.
  var isUniform = false
}

/// Draws what a shape allows; the same for the same seed.
struct RandomWorld {
  let shape: WorldShape
  var random: SplitMix64
  var now = noon
  private var version: Int64 = 0
  /// Words that miners were lately given.
  private var recentWords: [String] = []

  static let accelerators = ["cuda", "rocm", "metal"]
  static let services = ["whisper", "blender"]

  init(_ shape: WorldShape, seed: UInt64) {
    self.shape = shape
    random = SplitMix64(seed: seed)
  }

  mutating func miner() -> MinerID { id("m\(random.below(max(1, shape.minerCount)))") }

  mutating func record(_ id: MinerID) -> MinerRecord {
    version += 1
    var profile = MinerProfile()
    profile.addr = "host:\(random.below(1_000))"
    if shape.isUniform { return MinerRecord(id: id, version: version, profile: profile) }
    profile.proto = random.pick(MinerProtocol.allCases)
    profile.region = random.chance(60) ? shape.regions[0] : random.pick(shape.regions)
    profile.gpuVRAMGB = random.pick([0, 8, 16, 24, 80, 8.1, 23.99])
    profile.ramGB = random.pick([0, 16, 64, 16.000_001])
    profile.maxParallel = random.pick(shape.slots)
    profile.price = price()
    profile.accel = random.some(Self.accelerators, upTo: 2)
    profile.tags = words(upTo: 3)
    profile.capabilities = words(upTo: shape.capabilityCount)
    recentWords = (recentWords + profile.capabilities).suffix(60)
    var record = MinerRecord(
      id: id, version: version - Int64(random.below(3)), profile: profile)
    record.services = random.some(Self.services, upTo: 2).map { type in
      EnabledService(
        type: type, price: random.chance(50) ? price() : nil,
        maxConcurrent: random.pick(shape.slots), capabilities: words(upTo: 2))
    }
    if random.chance(shape.overridePercent) {
      let end = now.advanced(
        byMilliseconds: .random(in: shape.overrideMilliseconds, using: &random))
      record.priceOverride = PriceOverride(
        price: price(), reason: "", expiresAt: random.chance(70) ? coarse(end) : nil)
    }
    return record
  }

  mutating func patch() -> StatusPatch {
    if shape.isUniform { return StatusPatch(at: now, leaseMilliseconds: 60_000) }
    let grain = UInt32(shape.grainMilliseconds)
    let lease = UInt32.random(in: shape.leaseMilliseconds, using: &random) / grain * grain
    var patch = StatusPatch(
      at: coarse(now.advanced(byMilliseconds: -Int64(random.below(10_000)))),
      leaseMilliseconds: random.chance(5) ? 0 : lease)
    if random.chance(70) { patch.queueLength = random.pick(shape.queues) }
    if random.chance(30) { patch.busy = random.chance(20) }
    if random.chance(20) {
      patch.state = random.chance(70) ? .active : random.pick(MinerState.allCases)
    }
    if random.chance(60) { patch.avgLatencyMilliseconds = Double(random.below(5_000)) / 7 }
    if random.chance(10) { patch.memFreeGB = 3 }
    return patch
  }

  mutating func trust() -> MinerTrust {
    let score = shape.isUniform ? 0.5 : Double(random.below(11)) / 10
    return MinerTrust(score: score, good: 0, bad: 0, version: Int64(random.below(1_000)))
  }

  mutating func change(of id: MinerID) -> Change {
    switch random.below(100) {
    case ..<22: .record(record(id))
    case ..<42: .trust(id, trust())
    default: .status(id, patch())
    }
  }

  /// By how much more, or less, a miner is offered.
  mutating func offers() -> Int { random.pick([1, 1, 1, 2, 3, -1, -2, -50]) }

  mutating func advance() {
    let isBack = random.chance(shape.backwardsPercent)
    now = coarse(
      now.advanced(byMilliseconds: Int64(random.below(1_500)) * (isBack ? -10 : 1)))
  }

  private func coarse(_ time: Timestamp) -> Timestamp {
    let grain = shape.grainMilliseconds
    return Timestamp(milliseconds: time.milliseconds / grain * grain)
  }

  private mutating func word() -> String {
    if random.chance(20), !recentWords.isEmpty { return random.pick(recentWords) }
    return "word-\(random.chance(70) ? random.below(6) : random.below(shape.wordCount))"
  }

  private mutating func words(upTo count: Int) -> [String] {
    (0..<random.below(count + 1)).map { _ in word() }
  }

  private mutating func distinctWords(upTo count: Int) -> [String] {
    Array(Set(words(upTo: count)))
  }

  private mutating func price() -> Price {
    if random.chance(40) { return Price(units: random.pick(shape.prices)) }
    return Price(units: Int64(random.below(shape.priceBound) >> random.below(20)))
  }
}

// Requests.
extension RandomWorld {
  mutating func request() -> MatchQuery {
    var query = MatchQuery(jobID: "job")
    if random.chance(40) { query.region = random.pick(shape.regions + ["nowhere"]) }
    if random.chance(20) { query.accel = random.some(Self.accelerators + ["tpu"], upTo: 2) }
    if random.chance(30) { query.minVRAMGB = random.pick([8, 16, 100, 8.05, 23.995]) }
    if random.chance(15) { query.minRAMGB = random.pick([16, 64, 16.000_000_5]) }
    if random.chance(50) { query.capabilitiesAny = distinctWords(upTo: 5) }
    if random.chance(15) { query.capabilitiesAll = distinctWords(upTo: 2) }
    if random.chance(15) { query.tagsAny = distinctWords(upTo: 3) }
    if random.chance(10) { query.tagsAll = distinctWords(upTo: 2) }
    if random.chance(shape.serviceRequestPercent) {
      query.service = random.pick(Self.services + ["ffmpeg"])
    }
    if random.chance(60) { query.maxPrice = price() }
    if random.chance(15) { query.minTrust = Double(random.below(11)) / 10 }
    if random.chance(10) { query.maxTrust = Double(random.below(11)) / 10 }
    if random.chance(20) { query.exclude = (0..<random.below(6)).map { _ in miner() } }
    query.topK = random.chance(60) ? 1 + random.below(4) : random.pick([1, 50])
    query.explainsFully = random.chance(25)
    query.isSpread = random.chance(30)
    if random.chance(shape.impossiblePercent) { makeImpossible(&query) }
    return query
  }

  /// One filter that nobody passes.
  private mutating func makeImpossible(_ query: inout MatchQuery) {
    switch random.below(10) {
    case 0: query.region = "nowhere"
    case 1: query.accel = ["tpu"]
    case 2: query.minVRAMGB = 1_000_000
    case 3: query.minRAMGB = 1_000_000
    case 4: query.capabilitiesAny = ["what nobody can"]
    case 5: query.capabilitiesAll.append("what nobody can")
    case 6: query.tagsAny = ["what nobody is"]
    case 7: query.service = "ffmpeg"
    case 8: query.minTrust = 1.0.nextUp
    default: query.exclude = (0..<shape.minerCount).map { id("m\($0)") }
    }
  }
}
