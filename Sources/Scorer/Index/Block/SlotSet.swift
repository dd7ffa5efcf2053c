/// A set of slots: a bit for each, block by block, and a bit for each block that has any, so that
/// a search passes by blocks without reading them.
struct SlotSet: BitwiseCopyable {
  /// One word a block.
  let words: Column<UInt64>
  /// One bit a block, and a word more, so that any window of 64 can be read.
  fileprivate let blocks: Column<UInt64>

  @inline(__always)
  func insert(_ bit: UInt64, in block: Int) {
    words[block] |= bit
    blocks[block >> 6] |= 1 << UInt64(block & 63)
  }

  @inline(__always)
  func remove(_ bits: UInt64, in block: Int) {
    words[block] &= ~bits
    if words[block] == 0 { blocks[block >> 6] &= ~(1 << UInt64(block & 63)) }
  }

  @inline(__always)
  func set(_ bit: UInt64, in block: Int, to isMember: Bool) {
    if isMember { insert(bit, in: block) } else { remove(bit, in: block) }
  }

  /// Which of the 64 blocks from `first` on have any.
  @inline(__always)
  func blocks(from first: Int) -> UInt64 {
    let (word, shift) = (first >> 6, UInt64(first & 63))
    return blocks[word] >> shift | (blocks[word + 1] << 1) << (63 - shift)
  }
}

extension UnsafeMutablePointer<SlotSet> {
  /// This set and the next.
  @inline(__always)
  var pair: (SlotSet, SlotSet) { (self[0], self[1]) }
}

/// Sets by number, side by side in one piece of memory. A set's address changes when the pool grows.
struct SetPool {
  private var words: Column<UInt64>
  private var blockCapacity: Int
  private var count = 0
  private var capacity = 16
  private var free: [UInt32] = []

  init(_ memory: BlockMemory, blockCapacity: Int) {
    self.blockCapacity = blockCapacity
    words = memory.allocate(UInt64.self, count: capacity * Self.stride(blockCapacity))
  }

  private static func summaryCount(_ blockCapacity: Int) -> Int { blockCapacity / 64 + 2 }

  /// Words a set, whole cache lines.
  private static func stride(_ blockCapacity: Int) -> Int {
    (blockCapacity + summaryCount(blockCapacity) + 7) & ~7
  }

  @inline(__always)
  subscript(number: UInt32) -> SlotSet {
    let start = words + Int(number) * Self.stride(blockCapacity)
    return SlotSet(words: start, blocks: start + blockCapacity)
  }

  /// - Returns: an empty set's number.
  mutating func take(_ memory: BlockMemory) -> UInt32 {
    if let number = free.popLast() { return number }
    if count == capacity {
      let larger = capacity + 16
      let stride = Self.stride(blockCapacity)
      memory.grow(&words, from: capacity * stride, to: larger * stride)
      capacity = larger
    }
    count += 1
    return UInt32(count - 1)
  }

  mutating func release(_ number: UInt32) {
    let stride = Self.stride(blockCapacity)
    (words + Int(number) * stride).update(repeating: 0, count: stride)
    free.append(number)
  }

  /// Empties all sets, and gives back what room they don't need.
  mutating func removeAll(blockCapacity newCapacity: Int, _ memory: BlockMemory) {
    memory.free(words)
    blockCapacity = newCapacity
    words = memory.allocate(UInt64.self, count: capacity * Self.stride(newCapacity))
  }

  /// Makes room for so many blocks, and for some more than that: every set is moved.
  ///
  /// - Parameter isFilling: a fleet is coming in, so many more blocks will follow.
  mutating func growBlocks(to needed: Int, isFilling: Bool, _ memory: BlockMemory) {
    if needed <= blockCapacity { return }
    let (old, oldCapacity) = (words, blockCapacity)
    let newCapacity = max(needed, oldCapacity + oldCapacity / (isFilling ? 1 : 4))
    let larger = memory.allocate(UInt64.self, count: capacity * Self.stride(newCapacity))
    for number in 0..<count {
      let from = old + number * Self.stride(oldCapacity)
      let to = larger + number * Self.stride(newCapacity)
      to.update(from: from, count: oldCapacity)
      (to + newCapacity).update(from: from + oldCapacity, count: Self.summaryCount(oldCapacity))
    }
    memory.free(old)
    (words, blockCapacity) = (larger, newCapacity)
  }
}
