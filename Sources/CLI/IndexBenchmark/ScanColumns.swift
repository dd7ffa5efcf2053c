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
  private(set) var capabilities: [UInt32] = []
  let trust: UnsafeMutablePointer<Double>
  let queueLength: UnsafeMutablePointer<UInt32>
  let slots: UnsafeMutablePointer<UInt32>
  let latencyBucket: UnsafeMutablePointer<Int32>
  let isBusy: UnsafeMutablePointer<Bool>
  /// Not busy, and a slot free.
  let isOpen: UnsafeMutablePointer<Bool>

  /// Percentile ranks as of the last refresh, `Bucket.count` a region.
  private(set) var latencyRanks = [Double](
    repeating: 0, count: Bucket.count * BenchmarkWords.regions.count)
  private(set) var priceRanks = [Double](
    repeating: 0, count: Bucket.count * BenchmarkWords.regions.count)
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
    trust = .allocate(capacity: capacity)
    queueLength = .allocate(capacity: capacity)
    slots = .allocate(capacity: capacity)
    latencyBucket = .allocate(capacity: capacity)
    isBusy = .allocate(capacity: capacity)
    isOpen = .allocate(capacity: capacity)
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
    for number in miner.capabilities { capabilities.append(UInt32(number)) }
    firstCapability[row + 1] = UInt32(capabilities.count)
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
  func offered(_ asked: [UInt32], by row: Int) -> Int {
    var offered = 0
    capabilities.withUnsafeBufferPointer { capabilities in
      for place in Int(firstCapability[row])..<Int(firstCapability[row + 1]) {
        let held = capabilities[place]
        for number in asked where number == held { offered += 1 }
      }
    }
    return offered
  }

  /// The parts of an eligible row's score.
  func parts(of row: Int, _ ask: ScanAsk, offered: Int) -> ScoreParts {
    let ranks = Int(region[row]) * Bucket.count
    let price = Price(units: Int64(price[row]))
    let bucket = Int(latencyBucket[row])
    return Score.parts(
      ScoreInputs(
        askedCapabilities: ask.anyCount, offeredCapabilities: offered, price: price,
        priceScale: ask.maxPrice.map { .cap($0) }
          ?? .rank(priceRanks[ranks + Bucket.index(of: price.units)]),
        latencyRank: bucket < 0 ? nil : latencyRanks[ranks + bucket],
        trust: trust[row], taken: Int(queueLength[row]), slots: Int(slots[row])))
  }

  @inline(__always)
  func score(_ row: Int, _ ask: ScanAsk, offered: Int) -> Double {
    Score.total(parts(of: row, ask, offered: offered), weights)
  }
}

/// A request as the baselines read it: the filters that the benchmark's requests use, and no others.
struct ScanAsk {
  /// nil: any.
  let region: UInt8?
  let minVRAMGB: Float
  let maxPrice: Price?
  /// In `ScanColumns.price`'s measure.
  let maxPriceUnits: UInt32
  let anyOf: [UInt32]
  let anyCount: Int
  let anySignature: UInt64
  let allOf: [UInt32]
  let allSignature: UInt64
  let topK: Int
  let now: Int32

  /// - Precondition: regions and capabilities are `BenchmarkWords`, and nothing else is asked.
  init(_ query: MatchQuery, at now: Timestamp, _ columns: ScanColumns) {
    precondition(
      query.accel.isEmpty && query.tagsAny.isEmpty && query.tagsAll.isEmpty
        && query.service == nil && query.minTrust == nil && query.exclude.isEmpty
        && query.minRAMGB == 0,
      "the baselines know only the benchmark's requests")
    region = query.region.map { Self.regionNumbers[$0, default: UInt8.max] }
    minVRAMGB = Float(query.minVRAMGB)
    maxPrice = query.maxPrice
    maxPriceUnits = query.maxPrice.map { UInt32(clamping: $0.units) } ?? .max
    anyOf = Self.numbers(query.capabilitiesAny)
    anyCount = query.capabilitiesAny.count
    anySignature = Self.signature(anyOf)
    allOf = Self.numbers(query.capabilitiesAll)
    precondition(
      allOf.allSatisfy { $0 < BenchmarkWords.commonCapabilityCount },
      "the benchmark asks rare capabilities one at a time")
    allSignature = Self.signature(allOf)
    topK = query.topK
    self.now = columns.moment(now)
  }

  @inline(__always)
  func isMet(bySignature signature: UInt64) -> Bool {
    signature & allSignature == allSignature && (anyCount == 0 || signature & anySignature != 0)
  }

  private static func numbers(_ names: [String]) -> [UInt32] {
    names.map { capabilityNumbers[$0, default: .max] }
  }

  private static func signature(_ numbers: [UInt32]) -> UInt64 {
    numbers.reduce(0) { $0 | ScanColumns.signatureBit(Int($1)) }
  }

  private static let regionNumbers = Dictionary(
    uniqueKeysWithValues: BenchmarkWords.regions.enumerated().map {
      ($0.element.name, UInt8($0.offset))
    })
  private static let capabilityNumbers = Dictionary(
    uniqueKeysWithValues: BenchmarkWords.capabilities.enumerated().map {
      ($0.element, UInt32($0.offset))
    })
}

/// A baseline's answer.
package struct ScanAnswer: Equatable, Sendable {
  package struct Entry: Equatable, Sendable {
    package var row: Int
    package var score: Double
  }

  /// Best first.
  package var best: [Entry]
  /// Only where nobody is eligible, as an index's answer has it.
  package var counts: MatchCounts?

  /// Whether an index answered the same: miners, order, the scores' bits, counts.
  package func equals(_ answer: MatchAnswer) -> Bool {
    counts == answer.counts && best.count == answer.candidates.count
      && zip(best, answer.candidates).allSatisfy { own, other in
        MinerPopulation.id(own.row) == other.minerID
          && own.score.bitPattern == other.score.bitPattern
      }
  }
}

/// The best few rows so far.
struct BestRows {
  private let limit: Int
  private(set) var entries: [ScanAnswer.Entry] = []

  init(limit: Int) {
    self.limit = limit
    entries.reserveCapacity(limit + 1)
  }

  @inline(__always)
  mutating func offer(_ row: Int, score: Double) {
    if entries.count == limit, let last = entries.last {
      if score < last.score || (score == last.score && row > last.row) { return }
      entries.removeLast()
    }
    var place = entries.count
    while place > 0,
      score > entries[place - 1].score
        || (score == entries[place - 1].score && row < entries[place - 1].row)
    { place -= 1 }
    entries.insert(ScanAnswer.Entry(row: row, score: score), at: place)
  }
}
