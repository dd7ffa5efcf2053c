/// Finds numbers by name: open addressing over the names' hashes. The names themselves stay with
/// whoever holds them.
struct NameTable {
  /// The hash's upper half, then the number plus one; 0 is free.
  private var cells: Column<UInt64>
  private var cellCount = 16
  private(set) var count = 0
  /// A value of its own, so that what rehashes needn't hold the table.
  let hashing = NameHashing()

  init(_ memory: BlockMemory) { cells = memory.allocate(UInt64.self, count: cellCount) }

  @inline(__always)
  func hash(_ name: String) -> UInt64 { hashing.hash(name) }

  /// The number for which `isIt` says yes, among those with this hash.
  @inline(__always)
  func find(_ hash: UInt64, _ isIt: (Int) -> Bool) -> Int? {
    let mask = cellCount - 1
    var place = Int(truncatingIfNeeded: hash) & mask
    while true {
      let cell = cells[place]
      if cell == 0 { return nil }
      if cell >> 32 == hash >> 32 {
        let number = Int(cell & 0xFFFF_FFFF) - 1
        if isIt(number) { return number }
      }
      place = (place + 1) & mask
    }
  }

  /// Where the search for a hash begins.
  @inline(__always)
  func firstCell(_ hash: UInt64) -> UnsafePointer<UInt64> {
    UnsafePointer(cells + (Int(truncatingIfNeeded: hash) & (cellCount - 1)))
  }

  /// Takes in a name that isn't there. `hashOf` is asked when the table grows.
  mutating func insert(
    _ hash: UInt64, _ number: Int, _ memory: BlockMemory, hashOf: (Int) -> UInt64
  ) {
    if (count + 1) * 4 > cellCount * 3 {
      let (old, oldCount) = (cells, cellCount)
      cellCount *= 2
      cells = memory.allocate(UInt64.self, count: cellCount)
      for place in 0..<oldCount where old[place] != 0 {
        put(hashOf(Int(old[place] & 0xFFFF_FFFF) - 1), old[place])
      }
      memory.free(old)
    }
    put(hash, (hash & ~0xFFFF_FFFF) | UInt64(number + 1))
    count += 1
  }

  private func put(_ hash: UInt64, _ cell: UInt64) {
    let mask = cellCount - 1
    var place = Int(truncatingIfNeeded: hash) & mask
    while cells[place] != 0 { place = (place + 1) & mask }
    cells[place] = cell
  }

  /// Lets go of a number, and moves up those that had to go past it.
  mutating func remove(_ hash: UInt64, _ number: Int, hashOf: (Int) -> UInt64) {
    let mask = cellCount - 1
    var hole = Int(truncatingIfNeeded: hash) & mask
    while cells[hole] & 0xFFFF_FFFF != UInt64(number + 1) { hole = (hole + 1) & mask }
    cells[hole] = 0
    count -= 1
    var place = (hole + 1) & mask
    while cells[place] != 0 {
      let home = Int(truncatingIfNeeded: hashOf(Int(cells[place] & 0xFFFF_FFFF) - 1)) & mask
      if (place - home) & mask >= (place - hole) & mask {
        cells[hole] = cells[place]
        cells[place] = 0
        hole = place
      }
      place = (place + 1) & mask
    }
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
