import Domain

// Work in the background, a little at a time.
extension BlockIndex {
  /// Blocks that are looked after at a time, and miners that are moved for each of them.
  private static let blocksAtATime = 102
  private static let movesPerBlock = 10
  private static let setsAtATime = 4

  package mutating func maintain() {
    maintain(budget: Self.blocksAtATime)
  }

  /// Computes the bounds of the next `budget` blocks anew that may be higher than they need be, brings
  /// the miners of those blocks forward, and goes on with an order in the making.
  package mutating func maintain(budget: Int) {
    own()
    if blockCount == 0 || isFilling { return }
    sets.moveSets(atMost: Self.setsAtATime, memory)
    continueOrdering(budget: budget * Self.movesPerBlock)
    var swaps = budget / 2
    for _ in 0..<min(budget, blockCount) {
      nextBlock = nextBlock + 1 < blockCount ? nextBlock + 1 : 0
      if blocks[nextBlock].occupied == 0 { continue }
      if swaps > 0 { promoteMiners(of: nextBlock, &swaps) }
      if isStale(nextBlock) { computeBounds(of: nextBlock) }
    }
  }

  @inline(__always)
  private func isStale(_ block: Int) -> Bool {
    if blocks[block].isLoose { return true }
    let region = regionRow(of: block)
    return region.pointee.latencySlack + region.pointee.priceSlack - blocks[block].slack > 0.000_5
  }

  // MARK: The grid of price caps

  /// One that spans the caps that are likely to be asked, by the prices as they are; nil when there
  /// are none.
  func gridOfPrices() -> CapGrid? {
    let total = blockCount * 64
    let step = max(1, total / 8_192)
    var prices: [Int64] = []
    for slot in stride(from: 0, to: total, by: step)
    where blocks[slot >> 6].occupied >> UInt64(slot & 63) & 1 == 1 && lines[slot].price > 0 {
      prices.append(lines[slot].price)
    }
    if prices.isEmpty { return nil }
    prices.sort()
    let low = prices[prices.count / 50]
    let high = prices[prices.count - 1 - prices.count / 50]
    return CapGrid(low...max(low, high < .max / 4 ? high * 2 : high))
  }

  /// Bounds hold for caps of the old grid, but those without a cap in force hold for any: they stand
  /// in until the background has computed a block's bounds anew.
  mutating func replaceGrid(with new: CapGrid) {
    grid = new
    func loosened(_ parts: SIMD16<Float>) -> SIMD16<Float> {
      var parts = parts
      for lane in 0..<CapGrid.capCount { parts[lane] = parts[CapGrid.freeLane] }
      return parts
    }
    for superblock in 0..<superblockCount {
      superbounds[superblock] = loosened(superbounds[superblock])
      superblocks[superblock].isLoose = true
      for block in blocks(of: superblock) {
        setBounds(of: block, to: loosened(bounds[block]))
        blocks[block].isLoose = true
      }
    }
  }
}
