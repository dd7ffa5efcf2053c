import CVector
import Domain

/// A block that a walk has come to.
struct WalkedBlock: BitwiseCopyable {
  var block = 0
  /// Who passes the filters by category.
  var mask: UInt64 = 0
  /// The most that any of those comes to.
  var bound: Float = 0
}

// A walk over those few blocks in which somebody has what few have, in no order. What decides about
// a block lies in lines of memory far apart, miners' own last: so several blocks are on their way at
// a time, and what each needs next is asked for some blocks before.
extension BlockSearch {
  /// The room for blocks on their way; a power of 2 above `lookedAtAfter`.
  static let walkLength = 32
  /// So many blocks later a block is sieved, and looked at.
  private static let sievedAfter = 8
  private static let lookedAtAfter = 16

  /// Only a block in which somebody has what few have.
  @inline(__always)
  mutating func walk(to block: Int) {
    prefetch(columns.blocks + block)
    prefetch(columns.bounds + block)
    fetchWords(block)
    walked(walkCount).pointee.block = block
    walkCount += 1
    if walkCount > Self.sievedAfter { sieveWalked(walkCount - Self.sievedAfter - 1) }
    if walkCount > Self.lookedAtAfter { lookAtWalked(walkCount - Self.lookedAtAfter - 1) }
  }

  /// All who have both asked capabilities, where they are too few for the order of blocks to help: by
  /// both sets' words, superblock by superblock.
  mutating func walkBoth() {
    orderHeap()
    while heapCount > 0 {
      let key = room.heap[0]
      if Float(bitPattern: UInt32(key >> 32)) < leastBound { break }
      replaceFirst(with: nil)
      if heapCount > 0 { fetchBoth(of: Int(room.heap[0] & Self.numberMask)) }
      walkBoth(of: Int(key & Self.numberMask))
    }
    endWalk()
  }

  private mutating func walkBoth(of superblock: Int) {
    let (first, count) = (
      Int(columns.superblocks[superblock].first), Int(columns.superblocks[superblock].count)
    )
    let possible = possibleBlocks(from: first)
    if possible == 0 { return }
    let (one, other) = (room.terms + room.shareRange.lowerBound).pair
    var met = meeting(one.words + first, other.words + first, Int32(count)) & possible
    while met != 0 {
      walk(to: first + met.trailingZeroBitCount)
      met &= met &- 1
    }
  }

  @inline(__always)
  private func fetchBoth(of superblock: Int) {
    let first = Int(columns.superblocks[superblock].first)
    let (one, other) = (room.terms + room.shareRange.lowerBound).pair
    for place in stride(from: first, to: first + Int(columns.superblocks[superblock].count), by: 8)
    {
      prefetch(one.words + place)
      prefetch(other.words + place)
    }
  }

  /// Sieves and looks at what is still on its way.
  mutating func endWalk() {
    for place in max(0, walkCount - Self.sievedAfter)..<walkCount { sieveWalked(place) }
    for place in max(0, walkCount - Self.lookedAtAfter)..<walkCount { lookAtWalked(place) }
    walkCount = 0
  }

  @inline(__always)
  private func walked(_ place: Int) -> Column<WalkedBlock> {
    room.walk + (place & (Self.walkLength - 1))
  }

  private mutating func sieveWalked(_ place: Int) {
    let walked = walked(place)
    let block = walked.pointee.block
    walked.pointee.mask = 0
    if ask.region >= 0 && ask.region != Int(columns.blocks[block].region) { return }
    let mask = mask(of: block)
    if mask == 0 { return }
    let region = columns.region(of: block)
    let bound = bound(columns.bounds + block, region) + share(mask, block)
    if bound < leastBound { return }
    walked.pointee.mask = mask
    walked.pointee.bound = bound
    fetch(block, mask)
  }

  private mutating func lookAtWalked(_ place: Int) {
    let found = walked(place).pointee
    if found.mask != 0 && found.bound >= leastBound {
      look(at: found.block, found.mask, columns.region(of: found.block))
    }
  }
}
