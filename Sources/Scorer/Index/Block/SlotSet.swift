/// A set of slots: a bit for each, block by block, and a bit for each block that has any, so that
/// a search passes by blocks without reading them.
struct SlotSet: BitwiseCopyable {
  /// One word a block.
  let words: Column<UInt64>
  /// One bit a block, and a word more, so that any window of 64 can be read.
  fileprivate let blocks: Column<UInt64>

  @inline(__always)
  func insert(_ bit: UInt64, in block: Int) {
    let held = words[block]
    words[block] = held | bit
    if held == 0 { blocks[block >> 6] |= 1 << UInt64(block & 63) }
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

/// Sets by number, side by side in one piece of memory. A set's address changes when the pool grows
/// for more blocks: then sets are moved into larger memory, some at a time.
struct SetPool {
  private var shelf: Shelf
  private var count = 0
  private var capacity = 16
  private var free: [UInt32] = []
  /// What sets are moved out of, those in `unmoved`.
  private var oldShelf: Shelf
  private var unmoved = 0..<0

  init(_ memory: BlockMemory, blockCapacity: Int) {
    shelf = Shelf(setCapacity: capacity, blockCapacity: blockCapacity, memory)
    oldShelf = shelf
  }

  private struct Shelf {
    var words: Column<UInt64>
    let blockCapacity: Int
    /// Words of a set that say which blocks have any.
    let summaryCount: Int
    /// Words a set, whole cache lines.
    let stride: Int

    init(setCapacity: Int, blockCapacity: Int, _ memory: BlockMemory) {
      self.blockCapacity = blockCapacity
      summaryCount = blockCapacity / 64 + 2
      stride = (blockCapacity + summaryCount + 7) & ~7
      words = memory.allocate(UInt64.self, count: setCapacity * stride)
    }

    @inline(__always)
    subscript(number: Int) -> SlotSet {
      let start = words + number * stride
      return SlotSet(words: start, blocks: start + blockCapacity)
    }
  }

  @inline(__always)
  subscript(number: UInt32) -> SlotSet {
    let number = Int(number)
    return unmoved.contains(number) ? oldShelf[number] : shelf[number]
  }

  /// - Returns: an empty set's number.
  mutating func take(_ memory: BlockMemory) -> UInt32 {
    if let number = free.popLast() { return number }
    if count == capacity {
      let larger = capacity + 16
      memory.grow(&shelf.words, from: capacity * shelf.stride, to: larger * shelf.stride)
      capacity = larger
    }
    count += 1
    return UInt32(count - 1)
  }

  mutating func release(_ number: UInt32) {
    let set = self[number]
    let stride = unmoved.contains(Int(number)) ? oldShelf.stride : shelf.stride
    set.words.update(repeating: 0, count: stride)
    free.append(number)
  }

  /// Empties all sets, for so many blocks.
  mutating func removeAll(blockCapacity: Int, _ memory: BlockMemory) {
    if !unmoved.isEmpty { memory.free(oldShelf.words) }
    unmoved = 0..<0
    memory.free(shelf.words)
    shelf = Shelf(setCapacity: capacity, blockCapacity: blockCapacity, memory)
  }

  /// Makes room for so many blocks, and begins to make more when that is nearly all there is.
  mutating func growBlocks(to needed: Int, _ memory: BlockMemory) {
    if needed > shelf.blockCapacity {
      moveSets(atMost: .max, memory)
      beginMoving(to: needed + needed / 4, memory)
      moveSets(atMost: .max, memory)
    } else if unmoved.isEmpty && needed + needed / 16 > shelf.blockCapacity {
      beginMoving(to: needed + needed / 4, memory)
    } else if !unmoved.isEmpty && needed > oldShelf.blockCapacity {
      moveSets(atMost: .max, memory)
    }
  }

  private mutating func beginMoving(to blockCapacity: Int, _ memory: BlockMemory) {
    oldShelf = shelf
    shelf = Shelf(setCapacity: capacity, blockCapacity: blockCapacity, memory)
    unmoved = 0..<count
  }

  /// Goes on with moving sets.
  mutating func moveSets(atMost limit: Int, _ memory: BlockMemory) {
    if unmoved.isEmpty { return }
    for number in unmoved.prefix(limit) {
      let (from, to) = (oldShelf[number], shelf[number])
      to.words.update(from: from.words, count: oldShelf.blockCapacity)
      to.blocks.update(from: from.blocks, count: oldShelf.summaryCount)
    }
    unmoved = unmoved.dropFirst(limit)
    if unmoved.isEmpty { memory.free(oldShelf.words) }
  }
}
