import Domain

// Keeping the order while miners change: whoever has become good enough for one of the best
// blocks of its band trades places with the worst there.
extension BlockIndex {
  /// Only the first of a band's blocks are worth the trouble: nobody looks at the others.
  private static let bestShare = 8

  mutating func promoteMiners(of block: Int, _ swaps: inout Int) {
    let number = Int(blocks[block].region)
    let bands = regions[number]!.bands
    // Whoever goes into a block that is being left would have to be moved once more.
    if bands.isEmpty || ordering?.order.region == number { return }
    var bits = blocks[block].occupied
    while bits != 0 && swaps > 0 {
      let slot = block * 64 + bits.trailingZeroBitCount
      bits &= bits &- 1
      let band = bands.number(of: lines + slot)
      let all = bands.blocks[band]
      if all.isEmpty { continue }
      let best = max(1, all.count / Self.bestShare)
      let own = rating(lines + slot, regionRows + number)
      if own < fences[Int(all[best - 1])] { continue }
      let rank = rank(of: own, among: all[..<best])
      if Int(blocks[block].band) == band && blocks[block].rank <= rank { continue }
      guard let worst = worstSlot(of: Int(all[rank]), bands, band), worst.rating < own else {
        continue
      }
      swapSlots(slot, worst.slot, in: number)
      swaps -= 1
    }
  }

  /// The first block with a fence not above this rating; the last when none is.
  private func rank(of rating: Float, among all: ArraySlice<UInt32>) -> Int {
    var (low, high) = (0, all.count - 1)
    while low < high {
      let middle = (low + high) / 2
      if fences[Int(all[middle])] > rating { low = middle + 1 } else { high = middle }
    }
    return low
  }

  /// Whoever belongs there least: one of another band, or who has the lowest rating.
  private func worstSlot(
    of block: Int, _ bands: MinerBands, _ band: Int
  ) -> (slot: Int, rating: Float)? {
    var worst: (slot: Int, rating: Float)?
    var bits = blocks[block].occupied
    while bits != 0 {
      let slot = block * 64 + bits.trailingZeroBitCount
      bits &= bits &- 1
      let isStranger = bands.number(of: lines + slot) != band
      let rating = isStranger ? -1 : rating(lines + slot, regionRow(of: block))
      if rating < worst?.rating ?? .infinity { worst = (slot, rating) }
    }
    return worst
  }

  private mutating func swapSlots(_ left: Int, _ right: Int, in number: Int) {
    let lines = (left: self.lines[left], right: self.lines[right])
    let wasOnline = (left: isOnline(left), right: isOnline(right))
    setWords(of: Int(lines.left.row), left >> 6, 1 << UInt64(left & 63), to: false)
    setWords(of: Int(lines.right.row), right >> 6, 1 << UInt64(right & 63), to: false)
    put(lines.right, left >> 6, left & 63)
    put(lines.left, right >> 6, right & 63)
    setSizes(of: left, from: lines.left, to: lines.right)
    setSizes(of: right, from: lines.right, to: lines.left)
    // Their new blocks may hold leases against another time.
    if isOnline(right) != wasOnline.left {
      count(lines.left, in: number, by: wasOnline.left ? -1 : 1)
    }
    if isOnline(left) != wasOnline.right {
      count(lines.right, in: number, by: wasOnline.right ? -1 : 1)
    }
    let region = regionRows + number
    raiseBounds(of: right >> 6, to: linearParts(lines.left, region))
    raiseBounds(of: left >> 6, to: linearParts(lines.right, region))
    blocks[left >> 6].isLoose = true
    blocks[right >> 6].isLoose = true
  }

  func isOnline(_ slot: Int) -> Bool {
    blocks[slot >> 6].online >> UInt64(slot & 63) & 1 == 1
  }

  /// Puts a line where none is, with its categories. Sizes and bounds are left to the caller.
  mutating func put(_ line: MinerLine, _ block: Int, _ place: Int) {
    let (slot, bit) = (block * 64 + place, UInt64(1) << UInt64(place))
    let row = Int(line.row)
    lines[slot] = line
    rows[row].slot = UInt32(slot)
    priceBuckets[slot] = UInt16(line.priceBucket)
    blocks[block].occupied |= bit
    setOpenAndOnline(block, bit, line)
    setWords(of: row, block, bit, to: true)
  }
}
