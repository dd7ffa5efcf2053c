/// The lists of numbers that miners have, in one piece of memory: each takes a whole number of
/// pairs of numbers, and what leaves makes room for others of its size.
struct ListPool {
  private var numbers: Column<UInt32>
  private var count = 2
  private var capacity = 64
  private var free: [[UInt32]] = []
  /// The lists in the making, one after another, and where each ends.
  private var draft: [UInt32] = []
  private var draftEnds: [Int] = []

  init(_ memory: BlockMemory) { numbers = memory.allocate(UInt32.self, count: capacity) }

  /// The lists of one miner: accelerators, capabilities (its services' too), tags.
  struct Lists {
    var accel: Range<Int>
    var capabilities: Range<Int>
    var tags: Range<Int>
    var all: Range<Int> { accel.lowerBound..<tags.upperBound }
  }

  /// The lists by address, for reading.
  struct Addresses: BitwiseCopyable {
    fileprivate let numbers: Column<UInt32>

    subscript(place: Int) -> UInt32 { numbers[place] }

    func lists(_ unit: UInt32) -> Lists {
      let start = Int(unit) * 2
      let accel = start + 2 + Int(numbers[start] & 0xFFFF)
      let capabilities = accel + Int(numbers[start + 1])
      return Lists(
        accel: start + 2..<accel, capabilities: accel..<capabilities,
        tags: capabilities..<capabilities + Int(numbers[start] >> 16))
    }

    func contains(_ number: UInt32, in places: Range<Int>) -> Bool {
      places.contains { numbers[$0] == number }
    }
  }

  @inline(__always)
  var addresses: Addresses { Addresses(numbers: numbers) }

  subscript(place: Int) -> UInt32 { numbers[place] }

  func lists(_ unit: UInt32) -> Lists { addresses.lists(unit) }

  @inline(__always)
  func firstNumber(_ unit: UInt32) -> UnsafePointer<UInt32> {
    UnsafePointer(numbers + Int(unit) * 2)
  }

  /// Adds a number to the list in the making.
  ///
  /// - Returns: false when it is in there already.
  mutating func add(_ number: UInt32) -> Bool {
    var place = draftEnds.last ?? 0
    while place < draft.count {
      if draft[place] == number { return false }
      place += 1
    }
    draft.append(number)
    return true
  }

  /// What is added next is of the next list.
  mutating func endList() { draftEnds.append(draft.count) }

  /// Takes in the three lists that were made.
  ///
  /// - Returns: the place, in pairs; 0 for no lists at all.
  mutating func insertLists(_ memory: BlockMemory) -> UInt32 {
    defer {
      draft.removeAll(keepingCapacity: true)
      draftEnds.removeAll(keepingCapacity: true)
    }
    if draft.isEmpty { return 0 }
    let unit = takeRoom((draft.count + 2 + 1) / 2, memory)
    let place = Int(unit) * 2
    let (accel, capabilities) = (draftEnds[0], draftEnds[1] - draftEnds[0])
    numbers[place] = UInt32(accel) | UInt32(draft.count - draftEnds[1]) << 16
    numbers[place + 1] = UInt32(capabilities)
    for (offset, number) in draft.enumerated() { numbers[place + 2 + offset] = number }
    return unit
  }

  private mutating func takeRoom(_ units: Int, _ memory: BlockMemory) -> UInt32 {
    if units < free.count, let unit = free[units].popLast() { return unit }
    let unit = UInt32(count / 2)
    let needed = count + 2 * units
    if needed > capacity {
      let newCapacity = max(needed, capacity + capacity / 32)
      memory.grow(&numbers, from: count, to: newCapacity)
      capacity = newCapacity
    }
    count = needed
    return unit
  }

  mutating func remove(_ unit: UInt32) {
    if unit == 0 { return }
    let lists = lists(unit)
    let units = (lists.all.count + 2 + 1) / 2
    while free.count <= units { free.append([]) }
    free[units].append(unit)
  }
}
