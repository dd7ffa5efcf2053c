/// Finds numbers by name: open addressing over the names' hashes. The names themselves stay with
/// whoever holds them.
struct NameTable {
  /// The hash's upper half, which also says where the search begins, then the number plus one; 0
  /// is free.
  private var cells: Column<UInt64>
  private var cellCount = 16
  private(set) var count = 0
  private let hashing = NameHashing()

  init(_ memory: BlockMemory) { cells = memory.allocate(UInt64.self, count: cellCount) }

  @inline(__always)
  func hash(_ name: String) -> UInt64 { hashing.hash(name) }

  /// The number for which `isIt` says yes, among those with this hash.
  @inline(__always)
  func find(_ hash: UInt64, _ isIt: (Int) -> Bool) -> Int? {
    var place = home(hash)
    while true {
      let cell = cells[place]
      if cell == 0 { return nil }
      if cell >> 32 == hash >> 32 {
        let number = Int(cell & 0xFFFF_FFFF) - 1
        if isIt(number) { return number }
      }
      place = next(place)
    }
  }

  /// Where the search for a hash begins.
  @inline(__always)
  func firstCell(_ hash: UInt64) -> UnsafePointer<UInt64> { UnsafePointer(cells + home(hash)) }

  @inline(__always)
  private func home(_ hash: UInt64) -> Int { Int(((hash >> 32) &* UInt64(cellCount)) >> 32) }

  @inline(__always)
  private func next(_ place: Int) -> Int { place + 1 == cellCount ? 0 : place + 1 }

  /// Takes in a name that isn't there.
  mutating func insert(_ hash: UInt64, _ number: Int, _ memory: BlockMemory) {
    if (count + 1) * 4 > cellCount * 3 {
      let (old, oldCount) = (cells, cellCount)
      cellCount *= 2
      cells = memory.allocate(UInt64.self, count: cellCount)
      for place in 0..<oldCount where old[place] != 0 { put(old[place]) }
      memory.free(old)
    }
    put((hash & ~0xFFFF_FFFF) | UInt64(number + 1))
    count += 1
  }

  private func put(_ cell: UInt64) {
    var place = home(cell)
    while cells[place] != 0 { place = next(place) }
    cells[place] = cell
  }

  /// Lets go of a number, and moves up those that had to go past it.
  mutating func remove(_ hash: UInt64, _ number: Int) {
    var hole = home(hash)
    while cells[hole] & 0xFFFF_FFFF != UInt64(number + 1) { hole = next(hole) }
    cells[hole] = 0
    count -= 1
    var place = next(hole)
    while cells[place] != 0 {
      let home = home(cells[place])
      if distance(from: home, to: place) >= distance(from: hole, to: place) {
        cells[hole] = cells[place]
        cells[place] = 0
        hole = place
      }
      place = next(place)
    }
  }

  private func distance(from start: Int, to end: Int) -> Int {
    end >= start ? end - start : end - start + cellCount
  }
}

struct NameHashing {
  /// Whoever picks names must not know how they collide.
  private let seed = UInt64.random(in: .min ... .max)

  @inline(__always)
  func hash(_ name: String) -> UInt64 {
    var name = name
    return name.withUTF8 { bytes in
      var state = seed ^ UInt64(truncatingIfNeeded: bytes.count)
      var rest = UnsafeRawBufferPointer(bytes)
      while rest.count >= 8 {
        state = Self.mix(state ^ rest.loadUnaligned(as: UInt64.self))
        rest = UnsafeRawBufferPointer(rebasing: rest[8...])
      }
      var last: UInt64 = 0
      for byte in rest { last = last << 8 | UInt64(byte) }
      return Self.mix(state ^ last)
    }
  }

  @inline(__always)
  private static func mix(_ value: UInt64) -> UInt64 {
    let product = (value ^ 0x9E37_79B9_7F4A_7C15).multipliedFullWidth(by: 0xD6E8_FEB8_6659_FD93)
    return product.high ^ product.low
  }
}
