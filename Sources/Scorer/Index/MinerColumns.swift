import Domain

/// A service that a miner switched on, with its type by number.
struct ServiceOffer: Sendable {
  var type: UInt32
  /// In 10⁻⁸ tokens; nil: the miner's own price.
  var price: Int64?
  var maxConcurrent: Int
}

/// What a miner would do a job for, and how many at once.
struct Terms {
  var price: Int64
  var slots: Int
}

/// What only a miner that wins is asked for.
struct MinerIdentity: Sendable {
  var id: MinerID
  var version: Int64
  var addr: String
  var proto: MinerProtocol
}

/// One row a slot, one array a field, so that a filter reads nothing but its own field.
struct MinerColumns: Sendable {
  /// The region of a slot that holds no miner.
  static let noRegion = UInt32.max

  /// The lease's end, in milliseconds; the least number when there is no lease or no miner.
  var deadline: [Int64] = []
  var region: [UInt32] = []
  var accel: [NumberList] = []
  var vramGB: [Double] = []
  var ramGB: [Double] = []
  /// The miner's own and those of its services.
  var capabilities: [NumberList] = []
  var tags: [NumberList] = []
  var services: [[ServiceOffer]] = []
  /// Prices in 10⁻⁸ tokens.
  var price: [Int64] = []
  var overridePrice: [Int64] = []
  /// Milliseconds; the least number when there is no override, the greatest when it has no end.
  var overrideEnd: [Int64] = []
  var trust: [Double] = []
  var queueLength: [UInt32] = []
  /// Slots just offered to matches that are spread.
  var offered: [Int] = []
  var maxParallel: [Int] = []
  /// The miner says that it is busy, or anything else but active.
  var isClosed: [Bool] = []
  /// The bucket of its average latency in nanoseconds, -1 when unknown.
  var latencyBucket: [Int32] = []
  var identity: [MinerIdentity] = []
  var status: [StatusPatch?] = []
  var trustEvidence: [MinerTrust] = []
  /// The miner's place among its region's members.
  var memberPlace: [Int] = []

  var count: Int { deadline.count }

  /// Adds a row that `clear` would leave.
  mutating func append(_ newIdentity: MinerIdentity) {
    deadline.append(.min)
    region.append(Self.noRegion)
    accel.append(NumberList())
    vramGB.append(0)
    ramGB.append(0)
    capabilities.append(NumberList())
    tags.append(NumberList())
    services.append([])
    price.append(0)
    overridePrice.append(0)
    overrideEnd.append(.min)
    trust.append(MinerTrust.none.score)
    queueLength.append(0)
    offered.append(0)
    maxParallel.append(0)
    isClosed.append(false)
    latencyBucket.append(-1)
    identity.append(newIdentity)
    status.append(nil)
    trustEvidence.append(.none)
    memberPlace.append(0)
  }

  /// Makes a row one of no miner: offline, without status, trust or anything that takes room.
  mutating func clear(_ slot: Int) {
    deadline[slot] = .min
    region[slot] = Self.noRegion
    accel[slot] = NumberList()
    capabilities[slot] = NumberList()
    tags[slot] = NumberList()
    services[slot] = []
    trust[slot] = MinerTrust.none.score
    queueLength[slot] = 0
    offered[slot] = 0
    isClosed[slot] = false
    latencyBucket[slot] = -1
    identity[slot].addr = ""
    status[slot] = nil
    trustEvidence[slot] = .none
  }

  /// The miner's price apart from any service's.
  func price(of slot: Int, at now: Timestamp) -> Int64 {
    now.milliseconds < overrideEnd[slot] ? overridePrice[slot] : price[slot]
  }

  /// Slots that are taken: jobs queued. What is reserved for a job would be added here.
  func taken(of slot: Int) -> Int { Int(queueLength[slot]) }

  /// The miner's terms for its service of this type; nil when it hasn't switched that on.
  func terms(of slot: Int, service type: UInt32, at now: Timestamp) -> Terms? {
    guard let service = services[slot].first(where: { $0.type == type }) else { return nil }
    let isOverridden = now.milliseconds < overrideEnd[slot]
    return Terms(
      price: isOverridden ? overridePrice[slot] : service.price ?? price[slot],
      slots: min(maxParallel[slot], service.maxConcurrent))
  }

  mutating func write(_ merged: StatusPatch, to slot: Int) {
    status[slot] = merged
    deadline[slot] = merged.expiresAt.milliseconds
    queueLength[slot] = merged.queueLength ?? 0
    isClosed[slot] = merged.busy == true || (merged.state ?? .active) != .active
    let bucket = merged.avgLatencyMilliseconds.flatMap { Bucket.index(ofMilliseconds: $0) }
    latencyBucket[slot] = Int32(bucket ?? -1)
  }
}
