/// Finds numbers by name: open addressing over the names' hashes. The names themselves stay with
/// whoever holds them. A table that has become too small is left for a larger one little by little,
/// a few cells with each newcomer, so that none of them waits for all.
struct NameTable {
  private var cells: Cells
  /// What is still to be moved from: the smaller table, up to its cell `nextOld` empty.
  private var old: Cells?
  private var nextOld = 0
  /// What comes next, soon.
  private var larger: Cells?
  private(set) var count = 0
  private let hashing = NameHashing()

  /// Cells moved with each newcomer: done long before the larger table is too small in its turn.
  private static let movedTogether = 16

  init(_ memory: BlockMemory) { cells = Cells(count: 16, memory) }

  @inline(__always)
  func hash(_ name: String) -> UInt64 { name.withBytes { hashing.hash($0) } }

  @inline(__always)
  func hash(_ name: UnsafeRawBufferPointer) -> UInt64 { hashing.hash(name) }

  /// The number for which `isIt` says yes, among those with this hash.
  @inline(__always)
  func find(_ hash: UInt64, _ isIt: (Int) -> Bool) -> Int? {
    if let found = cells.find(hash, isIt) { return found }
    return old == nil ? nil : old!.find(hash, isIt)
  }

  /// Where the search for a hash begins.
  @inline(__always)
  func firstCell(_ hash: UInt64) -> UnsafePointer<UInt64> { cells.first(hash) }

  /// Takes in a name that isn't there.
  mutating func insert(_ hash: UInt64, _ number: Int, _ memory: BlockMemory) {
    // Asked for a while before it is needed, so that its pages are there.
    if larger == nil && count > cells.count / 16 * 11 {
      larger = Cells(count: cells.count * 2, memory)
    }
    if (count + 1) * 4 > cells.count * 3, let larger {
      moveOld(.max, memory)
      (old, nextOld) = (cells, 0)
      cells = larger
      self.larger = nil
    }
    if old != nil { moveOld(Self.movedTogether, memory) }
    cells.put((hash & ~0xFFFF_FFFF) | UInt64(number + 1))
    count += 1
  }

  private mutating func moveOld(_ limit: Int, _ memory: BlockMemory) {
    guard let from = old else { return }
    var moved = 0
    while moved < limit && nextOld < from.count {
      let cell = from.take(at: nextOld)
      // Another may have moved up into its place.
      if cell == 0 { nextOld += 1 } else { cells.put(cell) }
      moved += 1
    }
    if nextOld < from.count { return }
    from.free(memory)
    old = nil
  }

  mutating func remove(_ hash: UInt64, _ number: Int) {
    if !cells.remove(hash, number) { _ = old?.remove(hash, number) }
    count -= 1
  }
}

/// One piece of memory of a name table. A cell is the hash's upper half, which also says where the
/// search begins, then the number plus one; 0 is free.
private struct Cells {
  private let cells: Column<UInt64>
  let count: Int

  init(count: Int, _ memory: BlockMemory) {
    self.count = count
    cells = memory.allocate(UInt64.self, count: count)
  }

  func free(_ memory: BlockMemory) { memory.free(cells) }

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

  @inline(__always)
  func first(_ hash: UInt64) -> UnsafePointer<UInt64> { UnsafePointer(cells + home(hash)) }

  @inline(__always)
  private func home(_ hash: UInt64) -> Int { Int(((hash >> 32) &* UInt64(count)) >> 32) }

  @inline(__always)
  private func next(_ place: Int) -> Int { place + 1 == count ? 0 : place + 1 }

  func put(_ cell: UInt64) {
    var place = home(cell)
    while cells[place] != 0 { place = next(place) }
    cells[place] = cell
  }

  /// - Returns: whether it was there.
  func remove(_ hash: UInt64, _ number: Int) -> Bool {
    var place = home(hash)
    while cells[place] & 0xFFFF_FFFF != UInt64(number + 1) {
      if cells[place] == 0 { return false }
      place = next(place)
    }
    _ = take(at: place)
    return true
  }

  /// Empties a cell, and moves up those that had to go past it.
  ///
  /// - Returns: what it held.
  func take(at start: Int) -> UInt64 {
    var hole = start
    let taken = cells[hole]
    if taken == 0 { return 0 }
    cells[hole] = 0
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
    return taken
  }

  private func distance(from start: Int, to end: Int) -> Int {
    end >= start ? end - start : end - start + count
  }
}

struct NameHashing {
  /// Whoever picks names must not know how they collide.
  private let seed = UInt64.random(in: .min ... .max)

  @inline(__always)
  func hash(_ name: UnsafeRawBufferPointer) -> UInt64 {
    let count = name.count
    var state = seed ^ UInt64(truncatingIfNeeded: count)
    if count < 8 { return Self.mix(state ^ name.upToSevenBytes) }
    var place = 0
    while place + 8 < count {
      state = Self.mix(state ^ name.word(at: place))
      place += 8
    }
    return Self.mix(state ^ name.word(at: count - 8))
  }

  @inline(__always)
  private static func mix(_ value: UInt64) -> UInt64 {
    let product = (value ^ 0x9E37_79B9_7F4A_7C15).multipliedFullWidth(by: 0xD6E8_FEB8_6659_FD93)
    return product.high ^ product.low
  }
}

// Names are read a word at a time, the last word over what has been read before: a loop over the bytes
// that are left would be guessed wrong by the processor for every other name.
extension UnsafeRawBufferPointer {
  @inline(__always)
  func word(at place: Int) -> UInt64 { loadUnaligned(fromByteOffset: place, as: UInt64.self) }

  /// All bytes of a name of less than eight; of another name of the same length another number.
  @inline(__always)
  var upToSevenBytes: UInt64 {
    if count >= 4 {
      let last = loadUnaligned(fromByteOffset: count - 4, as: UInt32.self)
      return UInt64(loadUnaligned(as: UInt32.self)) | UInt64(last) << 32
    }
    if count == 0 { return 0 }
    return UInt64(self[0]) | UInt64(self[count / 2]) << 8 | UInt64(self[count - 1]) << 16
  }
}

extension String {
  /// The bytes, where they lie.
  @inline(__always)
  func withBytes<Result>(_ body: (UnsafeRawBufferPointer) -> Result) -> Result {
    if let result = utf8.withContiguousStorageIfAvailable({ body(UnsafeRawBufferPointer($0)) }) {
      return result
    }
    var copy = self
    return copy.withUTF8 { body(UnsafeRawBufferPointer($0)) }
  }
}
