import Domain
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
  let vramGB: UnsafeMutablePointer<Float>
  let price: UnsafeMutablePointer<UInt32>
  /// Bit `number mod 64` of each capability.
  let signature: UnsafeMutablePointer<UInt64>
  /// Where the row's capabilities begin in `capabilities`; one more than there are rows.
  let firstCapability: UnsafeMutablePointer<UInt32>
  let capabilities: UnsafeMutablePointer<UInt32>
  let trust: UnsafeMutablePointer<Double>
  let queueLength: UnsafeMutablePointer<UInt32>
  let slots: UnsafeMutablePointer<UInt32>
  let latencyBucket: UnsafeMutablePointer<Int32>
  let isBusy: UnsafeMutablePointer<Bool>
  /// Not busy, and a slot free.
  let isOpen: UnsafeMutablePointer<Bool>

  /// Percentile ranks as of the last refresh, `Bucket.count` a region.
  let latencyRanks: UnsafeMutablePointer<Double>
  let priceRanks: UnsafeMutablePointer<Double>
  let weights: Weights

  package init(capacity: Int, start: Timestamp, weights: Weights = .standard) {
    self.capacity = capacity
    self.start = start
    self.weights = weights
    region = .allocate(capacity: capacity)
    deadline = .allocate(capacity: capacity)
    vramGB = .allocate(capacity: capacity)
    price = .allocate(capacity: capacity)
    signature = .allocate(capacity: capacity)
    firstCapability = .allocate(capacity: capacity + 1)
    firstCapability[0] = 0
    capabilities = .allocate(capacity: capacity * BenchmarkWords.capabilitiesPerMiner)
    trust = .allocate(capacity: capacity)
    queueLength = .allocate(capacity: capacity)
    slots = .allocate(capacity: capacity)
    latencyBucket = .allocate(capacity: capacity)
    isBusy = .allocate(capacity: capacity)
    isOpen = .allocate(capacity: capacity)
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
    signature.deallocate()
    firstCapability.deallocate()
    trust.deallocate()
    queueLength.deallocate()
    slots.deallocate()
    latencyBucket.deallocate()
    isBusy.deallocate()
    isOpen.deallocate()
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
    vramGB[row] = Float(miner.record.profile.gpuVRAMGB)
    price[row] = UInt32(miner.record.profile.price.units)
    signature[row] = miner.capabilities.reduce(0) { $0 | Self.signatureBit($1) }
    var place = Int(firstCapability[row])
    for number in miner.capabilities {
      capabilities[place] = UInt32(number)
      place += 1
    }
    firstCapability[row + 1] = UInt32(place)
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
    isOpen[row] = !isBusy[row] && queueLength[row] < slots[row]
  }

  static func signatureBit(_ capability: Int) -> UInt64 { 1 << UInt64(capability & 63) }

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
  }

  /// How many of `asked` the row's miner has.
  @inline(__always)
  func offered(_ asked: CapabilityPair, by row: Int) -> Int {
    var offered = 0
    for place in Int(firstCapability[row])..<Int(firstCapability[row + 1]) {
      let held = capabilities[place]
      offered &+= (held == asked.first ? 1 : 0) &+ (held == asked.second ? 1 : 0)
    }
    return offered
  }

  /// The parts of an eligible row's score.
  @inline(__always)
  func parts(of row: Int, _ ask: ScanAsk, offered: Int) -> ScoreParts {
    let ranks = Int(region[row]) * Bucket.count
    let price = Price(units: Int64(price[row]))
    let bucket = Int(latencyBucket[row])
    return Score.parts(
      ScoreInputs(
        askedCapabilities: ask.anyOf.count, offeredCapabilities: offered, price: price,
        priceScale: scale(price, ask.maxPrice, ranks),
        latencyRank: bucket < 0 ? nil : latencyRanks[ranks + bucket],
        trust: trust[row], taken: Int(queueLength[row]), slots: Int(slots[row])))
  }

  @inline(__always)
  private func scale(_ price: Price, _ highest: Price?, _ ranks: Int) -> ScoreInputs.PriceScale {
    if let highest { return .cap(highest) }
    return .rank(priceRanks[ranks + Bucket.index(of: price.units)])
  }

  @inline(__always)
  func score(_ row: Int, _ ask: ScanAsk, offered: Int) -> Double {
    Score.total(parts(of: row, ask, offered: offered), weights)
  }
}
