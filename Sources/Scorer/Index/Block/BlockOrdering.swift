import CVector
import Domain

// How miners get where the order wants them: all at once while there are few or nobody has asked
// yet, else a region's at a time, some hundreds a step, so that nobody waits.
extension BlockIndex {
  /// Up to so many miners are put in order at once: that takes a few milliseconds.
  package static let fewMiners = 16_384

  /// Puts miners in order once many have come since: at the start, that is, and when a region has
  /// grown by a quarter.
  mutating func orderIfNeeded(at leaseTime: Int64) {
    if isFilling {
      orderAtOnce(at: leaseTime)
      return
    }
    if ordering != nil { return }
    let grown = regions.indices.filter { regions[$0] != nil && hasGrown(regionRows[$0]) }
    guard let first = grown.first else { return }
    if ids.count <= mostOrderedAtOnce {
      orderAtOnce(at: leaseTime)
    } else {
      begin(RegionOrder(region: first, superblocks: regions[first]!.superblocks))
    }
  }

  private func hasGrown(_ region: RegionRow) -> Bool {
    region.unplacedCount > region.memberCount / 4 + 64
  }

  // MARK: At once

  private mutating func orderAtOnce(at leaseTime: Int64) {
    if let new = gridOfPrices() { grid = new }
    beginSets()
    let old = lines
    let new = memory.allocate(MinerLine.self, count: 64 * blockCapacity)
    var orders: [RegionOrder] = []
    for number in regions.indices where regions[number] != nil {
      var order = RegionOrder(region: number, superblocks: regions[number]!.superblocks)
      while !advance(&order, budget: .max) {}
      orders.append(order)
    }
    ordering = nil
    lines = new
    for order in orders { releaseSuperblocks(of: order.region) }
    for block in 0..<blockCount { clearBlock(block) }
    freeSuperblocks = Array(repeating: [], count: 7)
    (superblockCount, blockCount) = (0, 0)
    for order in orders {
      regions[order.region]!.bands = order.bands
      for number in order.stands.indices { place(order, number, from: old, at: leaseTime) }
      regionRows[order.region].unplacedCount = 0
    }
    memory.free(old)
    for superblock in 0..<superblockCount { computeBounds(ofSuperblock: superblock) }
    nextBlock = 0
    goLive()
  }

  private mutating func place(
    _ order: RegionOrder, _ number: Int, from old: Column<MinerLine>, at leaseTime: Int64
  ) {
    fetchRows(order, number + 2)
    fetchLines(order, number + 1, old)
    let stand = order.stands[number]
    let block = addBlock(for: order, number)
    blocks[block].validFrom = leaseTime
    superblocks[Int(blocks[block].superblock)].validFrom = leaseTime
    for (place, key) in order.keys.keys[stand.range].enumerated() {
      put(old[Int(rows[RegionOrder.row(ofKey: key)].slot)], block, place)
    }
    setSizes(ofNew: block)
    finish(block, as: stand, count: stand.range.count, order.region)
  }

  /// While a fleet comes in, and nobody has asked yet, nothing is kept but its lines: whatever
  /// stands elsewhere is written once, when it is first needed.
  mutating func settleArrivals() {
    if !isFilling { return }
    beginSets()
    for block in 0..<blockCount where blocks[block].occupied != 0 {
      setSizes(ofNew: block)
      var bits = blocks[block].occupied
      while bits != 0 {
        let slot = block * 64 + bits.trailingZeroBitCount
        setWords(of: Int(lines[slot].row), block, bits & (~bits &+ 1), to: true)
        bits &= bits &- 1
      }
      computeBounds(of: block)
    }
    for superblock in 0..<superblockCount { computeBounds(ofSuperblock: superblock) }
    goLive()
  }

  private mutating func goLive() {
    if stage == .live { return }
    stage = .live
    categories.endPostings()
    memory.endFilling()
  }

  /// Empties all sets, for all blocks there are and a few more, so that there is time to move them when
  /// the fleet grows. At the end of a fleet's coming in it is known which
  /// categories are common.
  private mutating func beginSets() {
    sets.removeAll(blockCapacity: blockCapacity + blockCapacity / 16, memory)
    if !isFilling { return }
    stage = .settling
    makeCommonDense()
    categories.beginPostings()
  }

  // MARK: In steps

  /// Begins to move a region's miners: into new superblocks, so that old ones take nobody any more.
  private mutating func begin(_ order: RegionOrder) {
    if let new = gridOfPrices(), !new.isLike(grid) { replaceGrid(with: new) }
    regionRows[order.region].withRoom = 0
    regionRows[order.region].unplacedCount = 0
    for superblock in order.superblocks {
      superblocks[Int(superblock)].isLeaving = true
      for block in blocks(of: Int(superblock)) { blocks[block].isListedWithRoom = true }
    }
    ordering = Ordering(order: order)
  }

  /// An order is in the making.
  package var isOrdering: Bool { ordering != nil }

  /// Goes on with the order in the making, if there is one.
  mutating func continueOrdering(budget: Int) {
    guard var current = ordering else { return }
    // No second hold on its arrays.
    ordering = nil
    if !current.isPlacing {
      if advance(&current.order, budget: budget) {
        current.isPlacing = true
        regions[current.order.region]!.bands = current.order.bands
      }
      ordering = current
      return
    }
    var left = budget
    while left > 0 && current.nextStand < current.order.stands.count {
      move(current.order, current.nextStand)
      current.nextStand += 1
      left -= 64
    }
    if current.nextStand < current.order.stands.count {
      ordering = current
    } else {
      release(current.order)
    }
  }

  private mutating func move(_ order: RegionOrder, _ number: Int) {
    fetchRows(order, number + 2)
    fetchLines(order, number + 1, lines)
    let stand = order.stands[number]
    let keys = order.keys.keys[stand.range].filter { isLeaving(RegionOrder.row(ofKey: $0), order) }
    if keys.isEmpty { return }
    let block = addBlock(for: order, number)
    for (place, key) in keys.enumerated() {
      move(Int(rows[RegionOrder.row(ofKey: key)].slot), to: block, place)
    }
    finish(block, as: stand, count: keys.count, order.region)
  }

  /// Whether this row's miner still stands where the order found it: it may have left, and the row
  /// be another's by now.
  private func isLeaving(_ row: Int, _ order: RegionOrder) -> Bool {
    let slot = Int(rows[row].slot)
    let block = blocks[slot >> 6]
    return block.occupied >> UInt64(slot & 63) & 1 == 1 && Int(lines[slot].row) == row
      && Int(block.region) == order.region && superblocks[Int(block.superblock)].isLeaving
  }

  /// Moves a miner within its region, into a block that knows leases of any time.
  private mutating func move(_ slot: Int, to block: Int, _ place: Int) {
    let line = lines[slot]
    let wasOnline = isOnline(slot)
    let (old, bit) = (slot >> 6, UInt64(1) << UInt64(slot & 63))
    setWords(of: Int(line.row), old, bit, to: false)
    setSizes(of: slot, from: line, to: MinerLine())
    setSizes(of: block * 64 + place, from: MinerLine(), to: line)
    lines[slot] = MinerLine()
    priceBuckets[slot] = 0
    blocks[old].occupied &= ~bit
    blocks[old].open &= ~bit
    blocks[old].online &= ~bit
    ready[old] &= ~bit
    blocks[old].isLoose = true
    put(line, block, place)
    let isOnline = isOnline(block * 64 + place)
    if isOnline != wasOnline {
      count(line, in: Int(blocks[block].region), by: isOnline ? 1 : -1)
    }
  }

  /// Gives the old superblocks back. All who stood there were in the order, and nobody came.
  private mutating func release(_ order: RegionOrder) {
    assert(
      order.superblocks.allSatisfy { superblock in
        blocks(of: Int(superblock)).allSatisfy { blocks[$0].occupied == 0 }
      })
    let left = Set(order.superblocks)
    regions[order.region]!.superblocks.removeAll { left.contains($0) }
    for superblock in order.superblocks { release(superblock: superblock) }
  }

  // MARK: Both

  private mutating func addBlock(for order: RegionOrder, _ number: Int) -> Int {
    addBlock(to: order.region, ofAtLeast: order.stands.count - number)
    return Int(regionRows[order.region].withRoom) - 1
  }

  /// Once its miners stand in a block: what else it says.
  private mutating func finish(
    _ block: Int, as stand: RegionOrder.Stand, count: Int, _ number: Int
  ) {
    if count == 64 { closeRoom(of: block) }
    computeBounds(of: block)
    fences[block] = rating(lines + (block * 64 + count - 1), regionRows + number)
    blocks[block].band = UInt8(stand.band)
    blocks[block].rank = UInt32(stand.rank)
    regions[number]!.bands.blocks[stand.band].append(UInt32(block))
  }

  /// Asks for the rows of a stand's miners, if there is such a stand,
  @inline(__always)
  private func fetchRows(_ order: RegionOrder, _ number: Int) {
    if number >= order.stands.count { return }
    for key in order.keys.keys[order.stands[number].range] {
      let row = RegionOrder.row(ofKey: key)
      prefetch(rows + row)
      prefetch(details + row)
    }
  }

  /// and, once those are there, for their lines and lists.
  @inline(__always)
  private func fetchLines(_ order: RegionOrder, _ number: Int, _ lines: Column<MinerLine>) {
    if number >= order.stands.count { return }
    for key in order.keys.keys[order.stands[number].range] {
      let row = RegionOrder.row(ofKey: key)
      prefetch(lines + Int(rows[row].slot))
      prefetch(lists.firstNumber(details[row].lists))
    }
  }
}

/// A region's miners on their way into an order.
struct Ordering {
  var order: RegionOrder
  /// The order is known.
  var isPlacing = false
  var nextStand = 0
}
