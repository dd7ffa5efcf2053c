/// The bytes of names, in one piece of memory: each takes a whole number of words, its length first,
/// and what leaves makes room for others of its size.
struct TextPool {
  private var words: Column<UInt64>
  private var count = 1
  private var capacity = 64
  private var free: [[UInt32]] = []

  init(_ memory: BlockMemory) { words = memory.allocate(UInt64.self, count: capacity) }

  private static func wordCount(_ byteCount: Int) -> Int { 1 + (byteCount + 7) / 8 }

  /// The names by address, for comparing.
  struct Names: BitwiseCopyable {
    fileprivate let words: Column<UInt64>

    fileprivate func bytes(_ place: UInt32) -> UnsafeRawBufferPointer {
      let start = words + Int(place)
      return UnsafeRawBufferPointer(start: start + 1, count: Int(start.pointee))
    }

    /// Whether the name at this place has just these bytes.
    @inline(__always)
    func holds(_ name: UnsafeRawBufferPointer, at place: UInt32) -> Bool {
      let held = bytes(place)
      if held.count != name.count { return false }
      if held.count < 8 { return held.upToSevenBytes == name.upToSevenBytes }
      var offset = 0
      while offset + 8 < held.count {
        if held.word(at: offset) != name.word(at: offset) { return false }
        offset += 8
      }
      return held.word(at: held.count - 8) == name.word(at: held.count - 8)
    }
  }

  @inline(__always)
  var names: Names { Names(words: words) }

  subscript(place: UInt32) -> String { String(decoding: names.bytes(place), as: UTF8.self) }

  mutating func insert(_ name: String, _ memory: BlockMemory) -> UInt32 {
    let place = takeRoom(Self.wordCount(name.utf8.count), memory)
    let start = words + Int(place)
    name.withBytes { bytes in
      start.pointee = UInt64(bytes.count)
      UnsafeMutableRawBufferPointer(start: start + 1, count: bytes.count).copyMemory(from: bytes)
    }
    return place
  }

  private mutating func takeRoom(_ needed: Int, _ memory: BlockMemory) -> UInt32 {
    if needed < free.count, let place = free[needed].popLast() { return place }
    let place = count
    count += needed
    if count > capacity {
      let larger = max(count, capacity + capacity / 8)
      memory.grow(&words, from: place, to: larger)
      capacity = larger
    }
    return UInt32(place)
  }

  mutating func remove(_ place: UInt32) {
    let size = Self.wordCount(names.bytes(place).count)
    while free.count <= size { free.append([]) }
    free[size].append(place)
  }
}
