import Domain
import Glibc
import Index

/// The registry as both baselines read it: compact columns, a row a miner, ordered by id so that of two
/// equal scores the lower row wins. Regions and capabilities are numbers, moments are milliseconds after the
/// population's start, prices 10⁻⁸ tokens in four bytes: all as small as the data allows.
///
/// Rows are added in order and written by one thread.
package final class ScanColumns {
  package let start: Timestamp
  package let capacity: Int
  package private(set) var count = 0

  let region: UnsafeMutablePointer<UInt8>
  let deadline: UnsafeMutablePointer<Int32>
  /// Whole gigabytes: no GPU of the population has a fraction, or more than 255.
  let vramGB: UnsafeMutablePointer<UInt8>
  let price: UnsafeMutablePointer<Int32>
  let capabilities: UnsafeMutablePointer<CapabilityList>
  let trust: UnsafeMutablePointer<Double>
  let queueLength: UnsafeMutablePointer<UInt32>
  let slots: UnsafeMutablePointer<UInt32>
  let latencyBucket: UnsafeMutablePointer<Int32>
  let isBusy: UnsafeMutablePointer<Bool>
  /// 1 when not busy and a slot free, otherwise 0.
  let isOpen: UnsafeMutablePointer<UInt8>
  /// What scoring reads, together, since few rows are scored and each would cost a cache line a column.
  let terms: UnsafeMutablePointer<ScoreTerms>

  /// Percentile ranks as of the last refresh, `Bucket.count` a region.
  let latencyRanks: UnsafeMutablePointer<Double>
  let priceRanks: UnsafeMutablePointer<Double>
  let weights: Weights
  private let weightSum: Double

  package init(capacity: Int, start: Timestamp, weights: Weights = .standard) {
    self.capacity = capacity
    self.start = start
    self.weights = weights
    weightSum = weights.sum
    region = .onLargePages(count: capacity)
    deadline = .onLargePages(count: capacity)
    vramGB = .onLargePages(count: capacity)
    price = .onLargePages(count: capacity)
    capabilities = .onLargePages(count: capacity)
    trust = .onLargePages(count: capacity)
    queueLength = .onLargePages(count: capacity)
    slots = .onLargePages(count: capacity)
    latencyBucket = .onLargePages(count: capacity)
    isBusy = .onLargePages(count: capacity)
    isOpen = .onLargePages(count: capacity)
    terms = .onLargePages(count: capacity)
    let rankCount = Bucket.count * BenchmarkWords.regions.count
    latencyRanks = .allocate(capacity: rankCount)
    latencyRanks.initialize(repeating: 0, count: rankCount)
    priceRanks = .allocate(capacity: rankCount)
    priceRanks.initialize(repeating: 0, count: rankCount)
  }

  deinit {
    region.deallocate()
    deadline.deallocate()
    vramGB.deallocate()
    price.deallocate()
    trust.deallocate()
    queueLength.deallocate()
    slots.deallocate()
    latencyBucket.deallocate()
    isBusy.deallocate()
    isOpen.deallocate()
    terms.deallocate()
    capabilities.deallocate()
    latencyRanks.deallocate()
    priceRanks.deallocate()
  }

  /// - Precondition: there is room for one more.
  package func add(_ miner: MinerPopulation.Miner) {
    precondition(count < capacity, "more rows than were asked for")
    let row = count
    count += 1
    region[row] = UInt8(miner.region)
    vramGB[row] = UInt8(miner.record.profile.gpuVRAMGB)
    price[row] = Int32(miner.record.profile.price.units)
    capabilities[row] = CapabilityList(miner.capabilities)
    trust[row] = miner.trust.score
    slots[row] = UInt32(miner.record.profile.maxParallel)
    isBusy[row] = miner.status.busy == true
    write(miner.status, to: row)
  }

  /// Takes a heartbeat, later than all before it.
  package func write(_ patch: StatusPatch, to row: Int) {
    deadline[row] = moment(patch.expiresAt)
    if let length = patch.queueLength { queueLength[row] = length }
    if let latency = patch.avgLatencyMilliseconds {
      latencyBucket[row] = Int32(Bucket.index(ofMilliseconds: latency) ?? -1)
    }
    isOpen[row] = !isBusy[row] && queueLength[row] < slots[row] ? 1 : 0
    writeTerms(of: row)
  }

  private func writeTerms(of row: Int) {
    let parts = rankedParts(of: row)
    terms[row] = ScoreTerms(
      rankedPrice: weights.price * parts.price, latency: weights.latency * parts.latency,
      trust: weights.trust * parts.trust, load: weights.load * parts.load)
  }

  func moment(_ time: Timestamp) -> Int32 { Int32(clamping: time.milliseconds(since: start)) }

  /// Makes the rank tables those of this moment, as an index's refresh does.
  package func refresh(at now: Timestamp) {
    let now = moment(now)
    var prices = PercentileTable.Builder()
    var latencies = PercentileTable.Builder()
    for number in BenchmarkWords.regions.indices {
      for row in 0..<count where region[row] == UInt8(number) && deadline[row] > now {
        prices.add(bucket: Bucket.index(of: Int64(price[row])))
        if latencyBucket[row] >= 0 { latencies.add(bucket: Int(latencyBucket[row])) }
      }
      let tables = (prices.build(), latencies.build())
      for bucket in 0..<Bucket.count {
        priceRanks[number * Bucket.count + bucket] = tables.0.rank(ofBucket: bucket)
        latencyRanks[number * Bucket.count + bucket] = tables.1.rank(ofBucket: bucket)
      }
    }
    for row in 0..<count { writeTerms(of: row) }
  }

  /// The parts of the score that rest on no request; the price's is that of its rank.
  func rankedParts(of row: Int) -> ScoreParts {
    let ranks = Int(region[row]) * Bucket.count
    let price = Price(units: Int64(price[row]))
    let bucket = Int(latencyBucket[row])
    return Score.parts(
      ScoreInputs(
        askedCapabilities: 0, offeredCapabilities: 0, price: price,
        priceScale: .rank(priceRanks[ranks + Bucket.index(of: price.units)]),
        latencyRank: bucket < 0 ? nil : latencyRanks[ranks + bucket],
        trust: trust[row], taken: Int(queueLength[row]), slots: Int(slots[row])))
  }

  /// An eligible row's score: the arithmetic of `Score`, step by step in its order, written out here
  /// because calls would cost the baselines more than their columns do. Every answer that is compared
  /// shows that the bits are the same.
  @inline(__always)
  func score(_ row: Int, _ ask: ScanAsk, offered: Int) -> Double {
    let terms = terms[row]
    let price =
      ask.hasMaxPrice
      ? weights.price * (1 - Double(self.price[row]) / ask.maxPriceDouble) : terms.rankedPrice
    let capability = weights.cap * (offered == ask.anyOf.count ? 1 : ask.sharePerCapability)
    return (capability + price + terms.latency + terms.trust + terms.load) / weightSum
  }
}

/// A row's parts of the score, each times its weight.
struct ScoreTerms {
  /// Where no highest price is asked.
  var rankedPrice: Double
  var latency: Double
  var trust: Double
  var load: Double
}

extension UnsafeMutablePointer {
  private static var largePageByteCount: Int { 2 << 20 }

  /// Memory for a column, as the index has it: a row that is jumped to mustn't cost a look-up of its page, too.
  fileprivate static func onLargePages(count: Int) -> UnsafeMutablePointer {
    let byteCount = count * MemoryLayout<Pointee>.stride
    if byteCount < largePageByteCount { return .allocate(capacity: count) }
    let raw = UnsafeMutableRawPointer.allocate(
      byteCount: byteCount, alignment: largePageByteCount)
    madvise(raw, byteCount, MADV_HUGEPAGE)
    return raw.bindMemory(to: Pointee.self, capacity: count)
  }
}
