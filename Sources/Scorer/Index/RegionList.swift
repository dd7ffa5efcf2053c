import Domain

/// A region's miners and the percentile tables over those that are online.
struct Region: Sendable {
  var name: String
  /// Slots, in no order.
  var members: [Int] = []
  private(set) var prices = PercentileTable()
  private(set) var latencies = PercentileTable()
  private(set) var onlineCount = 0
  /// Of the online miners that gave one, added up; `latencies.count` of them.
  private(set) var latencyMillisecondsSum = 0.0
  /// The tables stand for all miners of a region that had as many as make it a large one.
  private(set) var wasLarge = false
  private var isChanged = true
  private var builtAt = Timestamp.distantPast
  private var builtAtLeaseTime = Timestamp.distantPast
  /// When the first override, and the first lease, that the tables rest on ends.
  private var overridesEnd = Int64.max
  private var leasesEnd = Int64.max

  init(name: String) { self.name = name }

  /// A small region's tables follow every change, a large one's follow the clock.
  var isLarge: Bool { members.count >= ScanIndex.largeRegionCount }

  mutating func noteChange() { isChanged = true }

  /// Somebody asked while the region was a small one.
  mutating func noteSmall() { wasLarge = false }

  /// A lease's end has moved. A miner that the tables count, and that only stays longer, changes
  /// nothing.
  mutating func noteLease(from old: Int64, to new: Int64) {
    if old <= builtAtLeaseTime.milliseconds || new < old { isChanged = true }
  }

  /// Makes the tables those of this moment, unless they are.
  mutating func refresh(
    _ columns: MinerColumns, _ builder: inout PercentileTable.Builder,
    at now: Timestamp, leaseTime: Timestamp
  ) {
    let isStale =
      isChanged || now < builtAt || leaseTime < builtAtLeaseTime
      || now.milliseconds >= overridesEnd || leaseTime.milliseconds >= leasesEnd
    wasLarge = isLarge
    guard isStale else { return }
    builtAt = now
    builtAtLeaseTime = leaseTime
    isChanged = false
    buildPrices(columns, &builder)
    latencyMillisecondsSum = 0
    for slot in members where columns.latencyBucket[slot] >= 0 {
      if columns.deadline[slot] > leaseTime.milliseconds {
        builder.add(bucket: Int(columns.latencyBucket[slot]))
        latencyMillisecondsSum += columns.status[slot]?.avgLatencyMilliseconds ?? 0
      }
    }
    latencies = builder.build()
  }

  private mutating func buildPrices(
    _ columns: MinerColumns, _ builder: inout PercentileTable.Builder
  ) {
    overridesEnd = .max
    leasesEnd = .max
    for slot in members where columns.deadline[slot] > builtAtLeaseTime.milliseconds {
      leasesEnd = min(leasesEnd, columns.deadline[slot])
      if columns.overrideEnd[slot] > builtAt.milliseconds {
        overridesEnd = min(overridesEnd, columns.overrideEnd[slot])
      }
      builder.add(bucket: Bucket.index(of: columns.price(of: slot, at: builtAt)))
    }
    prices = builder.build()
    onlineCount = prices.count
  }
}

/// The regions that have miners, by number.
struct RegionList: Sendable {
  private var numbers: [ExactText: UInt32] = [:]
  /// By number; one without members is a number that is free.
  private(set) var all: [Region] = []
  private var free: [UInt32] = []

  func number(of name: String) -> UInt32? { numbers[ExactText(name)] }

  subscript(number: UInt32) -> Region {
    _read { yield all[Int(number)] }
    _modify { yield &all[Int(number)] }
  }

  /// - Returns: the region's number and the miner's place among its members.
  mutating func join(_ name: String, slot: Int) -> (region: UInt32, place: Int) {
    let number = numbers[ExactText(name)] ?? add(name)
    self[number].members.append(slot)
    self[number].noteChange()
    return (number, self[number].members.count - 1)
  }

  /// - Returns: the slot that is now at `place`, if one had to move there.
  mutating func leave(_ number: UInt32, place: Int) -> Int? {
    self[number].noteChange()
    let last = self[number].members.removeLast()
    if place < self[number].members.count {
      self[number].members[place] = last
      return last
    }
    if self[number].members.isEmpty {
      numbers[ExactText(self[number].name)] = nil
      all[Int(number)] = Region(name: "")
      free.append(number)
    }
    return nil
  }

  private mutating func add(_ name: String) -> UInt32 {
    let number: UInt32
    if let reused = free.popLast() {
      number = reused
      all[Int(number)] = Region(name: name)
    } else {
      number = UInt32(all.count)
      all.append(Region(name: name))
    }
    numbers[ExactText(name)] = number
    return number
  }
}
