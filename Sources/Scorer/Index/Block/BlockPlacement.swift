import Domain

// Who stands beside whom. Within a region miners are ordered by the linear part of their score at
// a middling cap, so that the blocks looked at first are those that win. Order changes no answer.
extension BlockIndex {
  /// Blocks that are looked after at each tick.
  package static let blocksPerTick = 1_024

  /// What miners are ordered by.
  @inline(__always)
  func rating(_ line: MinerLine, _ region: RegionRow) -> Float {
    var line = line
    line.isClosed = false
    line.slots = max(1, line.slots)
    line.taken = min(line.taken, line.slots - 1)
    let latency =
      line.latencyBucket < 0
      ? Score.unknownLatency : 1 - region.latencies.rank(Int(line.latencyBucket))
    let load = 1 - Double(line.taken) / Double(line.slots)
    let price = Double(line.price) * Double(grid.inverse[Self.ratingLane])
    return Float(
      shares.latency * latency + shares.trust * line.trust + shares.load * load
        - shares.price * price)
  }

  private static let ratingLane = 9

  /// Orders everybody anew once many have come since: at the start, that is, and when the fleet
  /// has grown by a quarter.
  mutating func placeAnewIfNeeded(at leaseTime: Int64) {
    let unplaced = regions.indices.reduce(0) {
      $0 + (regions[$1] == nil ? 0 : regionRows[$1].unplacedCount)
    }
    if unplaced > ids.count / 4 + 64 { placeAnew(at: leaseTime) }
  }

  private mutating func placeAnew(at leaseTime: Int64) {
    chooseGrid()
    let orders = regions.indices.map { order(ofRegion: $0) }
    let old = lines
    lines = memory.allocate(MinerLine.self, count: 64 * blockCapacity)
    let count = blockCapacity
    categories.forEachDense { words in
      words.update(repeating: 0, count: count)
    }
    for number in regions.indices where regions[number] != nil { releaseSuperblocks(of: number) }
    for block in 0..<blockCount { blocks[block] = BlockRow() }
    freeSuperblocks = Array(repeating: [], count: 7)
    (superblockCount, blockCount) = (0, 0)
    for number in regions.indices where regions[number] != nil {
      place(orders[number], from: old, in: number, at: leaseTime)
      regionRows[number].unplacedCount = 0
    }
    memory.free(old)
    for superblock in 0..<superblockCount { computeBounds(ofSuperblock: superblock) }
    nextBlock = 0
  }

  /// A region's slots, those of its best miners first.
  private func order(ofRegion number: Int) -> [UInt64] {
    guard let region = regions[number] else { return [] }
    var keys: [UInt64] = []
    let numbers = regionRows[number]
    keys.reserveCapacity(numbers.memberCount)
    for superblock in region.superblocks {
      let row = superblocks[Int(superblock)]
      for slot in Int(row.first) * 64..<(Int(row.first) + Int(row.count)) * 64
      where blocks[slot >> 6].occupied >> UInt64(slot & 63) & 1 == 1 {
        // The bits of floats above 0 are in their order.
        let rating = max(0, rating(lines[slot], numbers) + 4)
        keys.append(UInt64(~rating.bitPattern) << 32 | UInt64(slot))
      }
    }
    keys.sort()
    return keys
  }

  private mutating func place(
    _ order: [UInt64], from old: Column<MinerLine>, in number: Int, at leaseTime: Int64
  ) {
    var start = 0
    regionRows[number].orderedFirst = UInt32(blockCount)
    regionRows[number].orderedCount = UInt32((order.count + 63) / 64)
    while start < order.count {
      addBlock(to: number)
      let block = Int(regionRows[number].withRoom) - 1
      let end = min(start + 64, order.count)
      blocks[block].validFrom = leaseTime
      for place in 0..<end - start {
        put(old[Int(order[start + place] & 0xFFFF_FFFF)], block, place)
      }
      if end - start == 64 {
        regionRows[number].withRoom = blocks[block].nextWithRoom
        blocks[block].isListedWithRoom = false
      }
      computeBounds(of: block)
      fences[block] = rating(lines[block * 64 + end - start - 1], regionRows[number])
      start = end
    }
  }

  /// Puts a line where none is, with its categories. Bounds are left to the caller.
  mutating func put(_ line: MinerLine, _ block: Int, _ place: Int) {
    let (slot, bit) = (block * 64 + place, UInt64(1) << UInt64(place))
    let row = Int(line.row)
    lines[slot] = line
    memory.rows[row].slot = UInt32(slot)
    vramCodes[slot] = SizeCode.code(line.vramGB)
    ramCodes[slot] = SizeCode.code(line.ramGB)
    priceBuckets[slot] = UInt16(line.priceBucket)
    blocks[block].occupied |= bit
    if line.isOpen { blocks[block].open |= bit } else { blocks[block].open &= ~bit }
    if line.deadline > blocks[block].validFrom {
      blocks[block].online |= bit
      blocks[block].nextExpiry = min(blocks[block].nextExpiry, line.deadline)
    } else {
      blocks[block].online &= ~bit
    }
    setWords(of: row, block, bit, to: true)
  }

  /// Writes a miner's common categories into words, or wipes them out.
  func setWords(of row: Int, _ block: Int, _ bit: UInt64, to isHeld: Bool) {
    let held = details[row]
    func set(_ number: UInt32) {
      guard let words = categories[number].words else { return }
      if isHeld { words[block] |= bit } else { words[block] &= ~bit }
    }
    if held.lists != 0 {
      for place in lists.lists(held.lists).all { set(lists[place]) }
    }
    for service in held.services { set(service.type) }
  }

  /// Spans the caps that are likely to be asked, by the prices as they are.
  private mutating func chooseGrid() {
    let total = blockCount * 64
    let step = max(1, total / 8_192)
    var prices: [Int64] = []
    for slot in stride(from: 0, to: total, by: step)
    where blocks[slot >> 6].occupied >> UInt64(slot & 63) & 1 == 1 && lines[slot].price > 0 {
      prices.append(lines[slot].price)
    }
    if prices.isEmpty { return }
    prices.sort()
    let low = prices[prices.count / 50]
    let high = prices[prices.count - 1 - prices.count / 50]
    grid = CapGrid(low...max(low, high < .max / 4 ? high * 2 : high))
  }

  /// Work in the background, of bounded length: bounds of the next `budget` blocks that are higher
  /// than they need be.
  package mutating func maintain(budget: Int) {
    own()
    if blockCount == 0 { return }
    var swaps = budget / 2
    for _ in 0..<min(budget, blockCount) {
      nextBlock = nextBlock + 1 < blockCount ? nextBlock + 1 : 0
      if blocks[nextBlock].occupied == 0 { continue }
      if swaps > 0 { promoteMiners(of: nextBlock, &swaps) }
      if isStale(nextBlock) { computeBounds(of: nextBlock) }
    }
  }

  @inline(__always)
  func isStale(_ block: Int) -> Bool {
    if blocks[block].isLoose { return true }
    return withRegion(Int(blocks[block].region)) {
      $0.latencySlack + $0.priceSlack - blocks[block].slack > 0.000_5
    }
  }
}
