/// The lists of numbers that miners have, in one piece of memory: each takes a whole number of
/// units of four numbers, and what leaves makes room for others of its size.
struct ListPool {
  private var numbers: [UInt32] = [0, 0, 0, 0]
  private var free: [[UInt32]] = []

  var byteCount: Int { numbers.capacity * 4 }

  /// The lists of one miner: accelerators, capabilities (its services' too), tags.
  struct Lists {
    var accel: Range<Int>
    var capabilities: Range<Int>
    var tags: Range<Int>
    var all: Range<Int> { accel.lowerBound..<tags.upperBound }
  }

  subscript(place: Int) -> UInt32 { numbers[place] }

  func lists(_ unit: UInt32) -> Lists {
    let start = Int(unit) * 4
    let accel = start + 2 + Int(numbers[start] & 0xFFFF)
    let capabilities = accel + Int(numbers[start + 1])
    return Lists(
      accel: start + 2..<accel, capabilities: accel..<capabilities,
      tags: capabilities..<capabilities + Int(numbers[start] >> 16))
  }

  func contains(_ number: UInt32, in places: Range<Int>) -> Bool {
    places.contains { numbers[$0] == number }
  }

  /// - Returns: the place, in units; 0 for no lists at all.
  mutating func insert(_ accel: [UInt32], _ capabilities: [UInt32], _ tags: [UInt32]) -> UInt32 {
    let count = accel.count + capabilities.count + tags.count
    if count == 0 { return 0 }
    let units = (count + 2 + 3) / 4
    let unit = takeRoom(units)
    var place = Int(unit) * 4
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

  private mutating func takeRoom(_ units: Int) -> UInt32 {
    if units < free.count, let unit = free[units].popLast() { return unit }
    let unit = UInt32(numbers.count / 4)
    if numbers.count + 4 * units > numbers.capacity {
      numbers.reserveCapacity(max(1_024, numbers.capacity + numbers.capacity / 4 + 4 * units))
    }
    numbers.append(contentsOf: repeatElement(0, count: 4 * units))
    return unit
  }

  mutating func remove(_ unit: UInt32) {
    if unit == 0 { return }
    let lists = lists(unit)
    let units = (lists.all.count + 2 + 3) / 4
    while free.count <= units { free.append([]) }
    free[units].append(unit)
  }
}
