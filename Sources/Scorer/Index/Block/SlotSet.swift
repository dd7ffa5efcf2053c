/// A set of slots: a bit for each, block by block, and a bit for each block that has any, so that
/// a search passes by blocks without reading them.
struct SlotSet: BitwiseCopyable {
  /// One word a block.
  private(set) var words: Column<UInt64>
  private var blocks: Column<UInt64>

  init(_ memory: BlockMemory, blockCapacity: Int) {
    words = memory.allocate(UInt64.self, count: blockCapacity)
    blocks = memory.allocate(UInt64.self, count: Self.summaryCount(blockCapacity))
  }

  /// One more than needed, so that any window of 64 can be read.
  private static func summaryCount(_ blockCapacity: Int) -> Int { blockCapacity / 64 + 2 }

  mutating func grow(_ memory: BlockMemory, from old: Int, to capacity: Int) {
    memory.grow(&words, from: old, to: capacity)
    memory.grow(&blocks, from: Self.summaryCount(old), to: Self.summaryCount(capacity))
  }

  func free(_ memory: BlockMemory) {
    memory.free(words)
    memory.free(blocks)
  }

  func removeAll(blockCapacity: Int) {
    words.update(repeating: 0, count: blockCapacity)
    blocks.update(repeating: 0, count: Self.summaryCount(blockCapacity))
  }

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
