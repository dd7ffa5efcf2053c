/// The lists of numbers that miners have, in one piece of memory: each takes a whole number of
/// pairs of numbers, and what leaves makes room for others of its size.
struct ListPool {
  private var numbers: Column<UInt32>
  private var count = 2
  private var capacity = 64
  private var free: [[UInt32]] = []

  init(_ memory: BlockMemory) { numbers = memory.allocate(UInt32.self, count: capacity) }

  /// The lists of one miner: accelerators, capabilities (its services' too), tags.
  struct Lists {
    var accel: Range<Int>
    var capabilities: Range<Int>
    var tags: Range<Int>
    var all: Range<Int> { accel.lowerBound..<tags.upperBound }
  }

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

  /// - Returns: the place, in pairs; 0 for no lists at all.
  mutating func insert(
    _ accel: [UInt32], _ capabilities: [UInt32], _ tags: [UInt32], _ memory: BlockMemory
  ) -> UInt32 {
    let count = accel.count + capabilities.count + tags.count
    if count == 0 { return 0 }
    let units = (count + 2 + 1) / 2
    let unit = takeRoom(units, memory)
    var place = Int(unit) * 2
    numbers[place] = UInt32(accel.count) | UInt32(tags.count) << 16
    numbers[place + 1] = UInt32(capabilities.count)
    place += 2
    for list in [accel, capabilities, tags] {
      for number in list {
        numbers[place] = number
        place += 1
      }
    }
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
