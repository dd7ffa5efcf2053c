import Domain

/// What a match reads of one miner: a cache line.
struct MinerLine: BitwiseCopyable {
  /// The lease's end; the least number when there is no lease or no miner.
  var deadline = Int64.min
  /// In force now, in 10⁻⁸ tokens, apart from any service's.
  var price: Int64 = 0
  var trust = MinerTrust.none.score
  var vramGB = 0.0
  var ramGB = 0.0
  /// Jobs queued.
  var taken: UInt32 = 0
  var slots: UInt32 = 0
  /// The miner's row, which it keeps wherever its line moves.
  var row: UInt32 = 0
  /// In 2⁻⁶ ms, for the average; 0 when unknown.
  var latencyUnits: UInt32 = 0
  /// Of its average latency in nanoseconds; -1 when unknown.
  var latencyBucket: Int16 = -1
  var priceBucket: Int16 = 0
  /// The miner says that it is busy, or anything else but active.
  var isClosed = false
  /// The price is an operator's.
  var isOverridden = false
  /// Slots just offered to matches that are spread.
  var offered: UInt16 = 0

  var isOpen: Bool { !isClosed && taken < slots }

  /// Whether both come to the same for every request that finds them open.
  @inline(__always)
  func scoresAs(_ other: MinerLine) -> Bool {
    if isOpen != other.isOpen { return false }
    return price == other.price && trust == other.trust && taken == other.taken
      && slots == other.slots && latencyBucket == other.latencyBucket
      && priceBucket == other.priceBucket
  }
}

/// A status patch with a fixed place for each field.
struct LiveRow: BitwiseCopyable {
  private var at: Int64 = 0
  private(set) var avgLatencyMilliseconds = 0.0
  private var leaseMilliseconds: UInt32 = 0
  private var queueLength: UInt32 = 0
  private var temperatureCelsius: Float = 0
  private var memFreeGB: Float = 0
  private var gpuUtilization: Float = 0
  private var known: UInt8 = 0
  private var isBusy = false
  private var state: UInt8 = 0

  private static let any: UInt8 = 1
  private static let queue: UInt8 = 2
  private static let busy: UInt8 = 4
  private static let state: UInt8 = 8
  private static let latency: UInt8 = 16
  private static let temperature: UInt8 = 32
  private static let memory: UInt8 = 64
  private static let gpu: UInt8 = 128

  private func knows(_ field: UInt8) -> Bool { known & field != 0 }

  /// As `StatusPatch.merged` does.
  mutating func merge(_ patch: StatusPatch) {
    let isNewer = !knows(Self.any) || patch.at.milliseconds >= at
    func takes(_ field: UInt8, _ isGiven: Bool) -> Bool { isGiven && (isNewer || !knows(field)) }
    if isNewer {
      at = patch.at.milliseconds
      leaseMilliseconds = patch.leaseMilliseconds
    }
    var found = known | Self.any
    func take<Value>(_ field: UInt8, _ value: Value?, _ write: (Value) -> Void) {
      guard let value, takes(field, true) else { return }
      found |= field
      write(value)
    }
    take(Self.queue, patch.queueLength) { queueLength = $0 }
    take(Self.busy, patch.busy) { isBusy = $0 }
    take(Self.state, patch.state) { state = $0.code }
    take(Self.latency, patch.avgLatencyMilliseconds) { avgLatencyMilliseconds = $0 }
    take(Self.temperature, patch.temperatureCelsius) { temperatureCelsius = $0 }
    take(Self.memory, patch.memFreeGB) { memFreeGB = $0 }
    take(Self.gpu, patch.gpuUtilization) { gpuUtilization = $0 }
    known = found
  }

  /// nil when there was no sign of life.
  var patch: StatusPatch? {
    guard knows(Self.any) else { return nil }
    var patch = StatusPatch(
      at: Timestamp(milliseconds: at), leaseMilliseconds: leaseMilliseconds)
    if knows(Self.queue) { patch.queueLength = queueLength }
    if knows(Self.busy) { patch.busy = isBusy }
    if knows(Self.state) { patch.state = MinerState(code: state) }
    if knows(Self.latency) { patch.avgLatencyMilliseconds = avgLatencyMilliseconds }
    if knows(Self.temperature) { patch.temperatureCelsius = temperatureCelsius }
    if knows(Self.memory) { patch.memFreeGB = memFreeGB }
    if knows(Self.gpu) { patch.gpuUtilization = gpuUtilization }
    return patch
  }

  func write(to line: inout MinerLine) {
    let (end, isTooLarge) = at.addingReportingOverflow(Int64(leaseMilliseconds))
    line.deadline = !knows(Self.any) ? .min : isTooLarge ? .max : end
    line.taken = knows(Self.queue) ? queueLength : 0
    line.isClosed =
      (knows(Self.busy) && isBusy)
      || (knows(Self.state) && state != MinerState.active.code)
    line.latencyBucket = -1
    line.latencyUnits = 0
    guard knows(Self.latency), let bucket = Bucket.index(ofMilliseconds: avgLatencyMilliseconds)
    else { return }
    line.latencyBucket = Int16(bucket)
    line.latencyUnits = UInt32(min(avgLatencyMilliseconds * 64, 0xFFFF_FFFF))
  }
}

/// What a change of a miner finds first: its name, its signs of life and where its line is.
struct MinerRow {
  var id: MinerID
  var live = LiveRow()
  var slot: UInt32 = 0
}

/// What only records, trust and winners touch.
struct MinerDetails {
  var addr = ""
  var version: Int64 = 0
  var good = 0.0
  var bad = 0.0
  var trustVersion = MinerTrust.none.version
  var services: [ServiceOffer] = []
  /// The place of its lists.
  var lists: UInt32 = 0
  var proto = MinerProtocol.http
}

/// An operator's price for one miner, and what it is without.
struct OverriddenPrice {
  var own: Int64
  var price: Int64
  var end: Int64
}
