import CVector
import Domain

// Who passes by category, for several blocks at a time.
extension BlockSearch {
  /// Works out who passes by category in a block and its neighbours, whose words come in the same
  /// cache lines; the second time, in all that are left: few pass then, and lines that are asked
  /// for together come together.
  mutating func sieve(_ superblock: Int, around place: Int) {
    let count = Int(columns.superblocks[superblock].count)
    let sieved = room.stagedSieved[superblock]
    if sieved == 0 {
      let start = place & ~7
      sieve(superblock, start..<min(start + 8, count))
      room.stagedSieved[superblock] = 0xFF << UInt64(start)
    } else {
      let left = at_least(room.stagedBounds + 64 * superblock, leastBound) & ~sieved
      if left.nonzeroBitCount <= Self.fewBlocks {
        sieve(superblock, each: left)
      } else {
        let start = sieved.trailingZeroBitCount
        sieve(superblock, 0..<start)
        if start + 8 < count { sieve(superblock, start + 8..<count) }
      }
      room.stagedSieved[superblock] = .max
    }
    reorder(superblock)
  }

  /// So few blocks are sieved one by one.
  private static let fewBlocks = 20

  private mutating func sieve(_ superblock: Int, each left: UInt64) {
    let first = Int(columns.superblocks[superblock].first)
    let (bounds, masks) = (room.stagedBounds + 64 * superblock, room.stagedMasks + 64 * superblock)
    var places = left
    while places != 0 {
      fetchWords(first + places.trailingZeroBitCount)
      places &= places &- 1
    }
    places = left
    while places != 0 {
      let place = places.trailingZeroBitCount
      places &= places &- 1
      let mask = mask(of: first + place)
      masks[place] = mask
      bounds[place] = mask == 0 ? -1 : bounds[place] + share(mask, first + place) - capBound
    }
  }

  /// Asks for the line of each word that decides about a block.
  @inline(__always)
  func fetchWords(_ block: Int) {
    prefetch(columns.ready + block)
    for place in 0..<room.termCount { prefetch(room.terms[place].words + block) }
  }

  private mutating func sieve(_ superblock: Int, _ places: Range<Int>) {
    let block = Int(columns.superblocks[superblock].first) + places.lowerBound
    let bounds = room.stagedBounds + (64 * superblock + places.lowerBound)
    let masks = room.stagedMasks + (64 * superblock + places.lowerBound)
    for place in stride(from: block, to: block + places.count, by: 8) { fetchWords(place) }
    fillMasks(masks, from: block, places.count)
    drop_empty(bounds, masks, Int32(places.count))
    if ask.askedCapabilities < 2 || round != .all { return }
    for place in 0..<places.count where masks[place] != 0 {
      bounds[place] += share(masks[place], block + place) - capBound
    }
  }

  /// Who passes all filters but those by number, block by block.
  @inline(__always)
  private func fillMasks(_ masks: Column<UInt64>, from block: Int, _ count: Int) {
    copy_words(masks, columns.ready + block, Int32(count))
    var place = 0
    while place < room.mustEnd {
      and_words(masks, room.terms[place].words + block, Int32(count))
      place += 1
    }
    for group in 0..<room.anyCount {
      withUnsafeTemporaryAllocation(of: UInt64.self, capacity: 64) { any in
        any.initialize(repeating: 0)
        while place < room.anyEnds[group] {
          or_words(any.baseAddress!, room.terms[place].words + block, Int32(count))
          place += 1
        }
        and_words(masks, any.baseAddress!, Int32(count))
      }
    }
    if round != .all {
      let (one, other) = (room.terms + room.shareRange.lowerBound).pair
      let wanted: UInt64 = round == .both ? 0 : .max
      for place in 0..<count {
        masks[place] &= (one.words[block + place] & other.words[block + place]) ^ wanted
      }
    }
    if room.hasHoles {
      for place in 0..<count { masks[place] &= ~room.holes[block + place] }
    }
  }

  /// The miners of a block that pass all filters but those by number.
  @inline(__always)
  func mask(of block: Int) -> UInt64 {
    var mask = columns.ready[block]
    if room.hasHoles { mask &= ~room.holes[block] }
    var place = 0
    while place < room.mustEnd {
      mask &= room.terms[place].words[block]
      place += 1
    }
    for group in 0..<room.anyCount {
      var any: UInt64 = 0
      while place < room.anyEnds[group] {
        any |= room.terms[place].words[block]
        place += 1
      }
      mask &= any
    }
    if round != .all { mask &= round == .both ? both(block) : ~both(block) }
    return mask
  }

  /// Who has both asked capabilities.
  @inline(__always)
  private func both(_ block: Int) -> UInt64 {
    let (one, other) = (room.terms + room.shareRange.lowerBound).pair
    return one.words[block] & other.words[block]
  }
}
