import Domain

// Keeping the order while miners change: whoever has become good enough for one of the best
// blocks trades places with the worst there.
extension BlockIndex {
  /// Only the first of a region's blocks are worth the trouble: nobody looks at the others.
  private static let bestShare = 8

  mutating func promoteMiners(of block: Int, _ swaps: inout Int) {
    let number = Int(blocks[block].region)
    let region = regionRows[number]
    let first = Int(region.orderedFirst)
    let best = max(1, Int(region.orderedCount) / Self.bestShare)
    if region.orderedCount < 2 || block == first { return }
    var bits = blocks[block].occupied
    while bits != 0 && swaps > 0 {
      let slot = block * 64 + bits.trailingZeroBitCount
      bits &= bits &- 1
      let own = rating(lines[slot], region)
      // Those that belong elsewhere by a fence at least.
      if own < fences[first + best - 1] { continue }
      let home = firstBlock(for: own, in: first..<first + best)
      if home >= block && block >= first { continue }
      guard let worst = worstSlot(of: home, region), rating(lines[worst], region) < own else {
        continue
      }
      swapSlots(slot, worst, in: number)
      swaps -= 1
    }
  }

  /// The first block with a fence not above this rating; the last when none is.
  private func firstBlock(for rating: Float, in range: Range<Int>) -> Int {
    var (low, high) = (range.lowerBound, range.upperBound - 1)
    while low < high {
      let middle = (low + high) / 2
      if fences[middle] > rating { low = middle + 1 } else { high = middle }
    }
    return low
  }

  private func worstSlot(of block: Int, _ region: RegionRow) -> Int? {
    var worst: (slot: Int, rating: Float)?
    var bits = blocks[block].occupied
    while bits != 0 {
      let slot = block * 64 + bits.trailingZeroBitCount
      bits &= bits &- 1
      let rating = rating(lines[slot], region)
      if rating < worst?.rating ?? .infinity { worst = (slot, rating) }
    }
    return worst?.slot
  }

  private mutating func swapSlots(_ left: Int, _ right: Int, in number: Int) {
    let lines = (left: self.lines[left], right: self.lines[right])
    let wasOnline = (left: isOnline(left), right: isOnline(right))
    setWords(of: Int(lines.left.row), left >> 6, 1 << UInt64(left & 63), to: false)
    setWords(of: Int(lines.right.row), right >> 6, 1 << UInt64(right & 63), to: false)
    put(lines.right, left >> 6, left & 63)
    put(lines.left, right >> 6, right & 63)
    // Their new blocks may hold leases against another time.
    if isOnline(right) != wasOnline.left {
      count(lines.left, in: number, by: wasOnline.left ? -1 : 1)
    }
    if isOnline(left) != wasOnline.right {
      count(lines.right, in: number, by: wasOnline.right ? -1 : 1)
    }
    let region = regionRows[number]
    raiseBounds(of: right >> 6, from: Self.nobody, to: linearParts(lines.left, region))
    raiseBounds(of: left >> 6, from: Self.nobody, to: linearParts(lines.right, region))
    blocks[left >> 6].isLoose = true
    blocks[right >> 6].isLoose = true
  }

  private func isOnline(_ slot: Int) -> Bool {
    blocks[slot >> 6].online >> UInt64(slot & 63) & 1 == 1
  }
}
