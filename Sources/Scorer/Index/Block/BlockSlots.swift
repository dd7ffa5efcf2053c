import Domain

// Miners into slots and out of them; slots into blocks, blocks into regions.
extension BlockIndex {
  /// Gives a miner a slot in its region, with a line that isn't open for anybody yet: the caller
  /// replaces it.
  mutating func takeSlot(_ row: Int, _ regionName: String) -> Int {
    let number = regionNumber(regionName)
    let slot = takePlace(in: number)
    blocks[slot >> 6].occupied |= 1 << UInt64(slot & 63)
    regionRows[number].memberCount += 1
    regionRows[number].unplacedCount += 1
    regionRows[number].isChanged = true
    rows[row].slot = UInt32(slot)
    var empty = MinerLine()
    empty.row = UInt32(row)
    lines[slot] = empty
    priceBuckets[slot] = 0
    return slot
  }

  /// A slot for the caller to fill.
  mutating func takePlace(in number: Int) -> Int {
    if regionRows[number].withRoom == 0 { addBlock(to: number) }
    let block = Int(regionRows[number].withRoom) - 1
    let place = (~blocks[block].occupied).trailingZeroBitCount
    if blocks[block].occupied.nonzeroBitCount == 63 { closeRoom(of: block) }
    return block * 64 + place
  }

  /// Takes the first of a region's blocks with room off their list.
  mutating func closeRoom(of block: Int) {
    regionRow(of: block).pointee.withRoom = blocks[block].nextWithRoom
    blocks[block].isListedWithRoom = false
  }

  mutating func leaveSlot(_ slot: Int) {
    let block = slot >> 6
    let bit: UInt64 = 1 << UInt64(slot & 63)
    setSizes(of: slot, from: lines[slot], to: MinerLine())
    replaceLine(slot, with: MinerLine())
    blocks[block].occupied &= ~bit
    let number = Int(blocks[block].region)
    regionRows[number].memberCount -= 1
    regionRows[number].isChanged = true
    if regionRows[number].memberCount == 0 {
      forgetRegion(number)
      return
    }
    if !blocks[block].isListedWithRoom {
      blocks[block].isListedWithRoom = true
      blocks[block].nextWithRoom = regionRows[number].withRoom
      regionRows[number].withRoom = UInt32(block + 1)
    }
  }

  /// Writes a slot's memory sizes into the tiers' sets, which hold those of another line.
  func setSizes(of slot: Int, from old: MinerLine, to new: MinerLine) {
    if isFilling { return }
    let (block, bit) = (slot >> 6, UInt64(1) << UInt64(slot & 63))
    vramTiers.set(bit, in: block, from: old.vramGB, to: new.vramGB, sets)
    ramTiers.set(bit, in: block, from: old.ramGB, to: new.ramGB, sets)
  }

  /// Writes the memory sizes of all of a block's miners into the tiers' sets, which hold nothing there.
  func setSizes(ofNew block: Int) {
    vramTiers.fill(block, blocks[block].occupied, lines, \.vramGB, sets)
    ramTiers.fill(block, blocks[block].occupied, lines, \.ramGB, sets)
  }

  private mutating func regionNumber(_ name: String) -> Int {
    if let number = regionNumbers.number(of: name) { return number }
    let number = freeRegions.popLast() ?? regions.count
    if number == regions.count {
      regions.append(nil)
      if number == regionCapacity {
        memory.grow(&regionRows, from: regionCapacity, to: 2 * regionCapacity)
        regionCapacity *= 2
      }
    }
    regions[number] = BlockRegion(name: name)
    regionRows[number] = RegionRow(
      prices: memory.spareTable(emptied: priceCounts),
      latencies: memory.spareTable(emptied: latencyCounts))
    regionNumbers.insert(name, number, memory)
    return number
  }

  private mutating func forgetRegion(_ number: Int) {
    releaseSuperblocks(of: number)
    forgetCounts(number)
    memory.keepSpare(regionRows[number].prices)
    memory.keepSpare(regionRows[number].latencies)
    regionNumbers.remove(regions[number]!.name, number)
    regions[number] = nil
    if ordering?.order.region == number { ordering = nil }
    freeRegions.append(number)
  }

  mutating func releaseSuperblocks(of number: Int) {
    for superblock in regions[number]!.superblocks { release(superblock: superblock) }
    regions[number]!.superblocks = []
    regionRows[number].withRoom = 0
  }

  /// Makes a superblock's blocks free for any region. It is off its own region's list.
  mutating func release(superblock: UInt32) {
    for block in blocks(of: Int(superblock)) { clearBlock(block) }
    superblocks[Int(superblock)].count = 0
    let capacity = Int(superblocks[Int(superblock)].capacity)
    freeSuperblocks[capacity.trailingZeroBitCount].append(superblock)
  }

  /// Those of its blocks that are in use.
  @inline(__always)
  func blocks(of superblock: Int) -> Range<Int> {
    let row = superblocks[superblock]
    return Int(row.first)..<Int(row.first) + Int(row.count)
  }

  /// Adds an empty block to a region, to be filled next.
  ///
  /// - Parameter expected: how many blocks will come, this one too.
  mutating func addBlock(to number: Int, ofAtLeast expected: Int = 1) {
    var last = regions[number]!.superblocks.last.map { Int($0) }
    if last == nil || superblocks[last!].count == superblocks[last!].capacity
      || superblocks[last!].isLeaving
    {
      last = addSuperblock(to: number, ofAtLeast: expected)
    }
    let superblock = last!
    let block = Int(superblocks[superblock].first) + Int(superblocks[superblock].count)
    superblocks[superblock].count += 1
    var row = BlockRow()
    row.region = UInt32(number)
    row.superblock = UInt32(superblock)
    row.isListedWithRoom = true
    row.nextWithRoom = regionRows[number].withRoom
    blocks[block] = row
    ready[block] = 0
    setBounds(of: block, to: Self.nobody, isNew: true)
    // However fast blocks come, sets that are on their way are there before the next must set out.
    if !isFilling { sets.moveSets(atMost: 1, memory) }
    regionRows[number].withRoom = UInt32(block + 1)
  }

  /// As large as all that its region has so far, or is about to get, within one and 64 blocks.
  private mutating func addSuperblock(to number: Int, ofAtLeast expected: Int) -> Int {
    let held = regions[number]!.superblocks.reduce(0) {
      $0 + Int(superblocks[Int($1)].capacity)
    }
    var size = 1
    while size < min(64, max(held, expected)) { size *= 2 }
    let superblock: Int
    if let free = freeSuperblocks[size.trailingZeroBitCount].popLast() {
      superblock = Int(free)
    } else {
      superblock = superblockCount
      growSuperblocks(to: superblockCount + 1)
      growBlocks(to: blockCount + size)
      superblocks[superblock] = SuperblockRow(
        first: UInt32(blockCount), count: 0, capacity: UInt16(size), region: 0)
      superblockCount += 1
      blockCount += size
      for block in blockCount - size..<blockCount { clearBlock(block) }
    }
    superblocks[superblock].region = UInt32(number)
    superblocks[superblock].isLoose = false
    superblocks[superblock].isLeaving = false
    superblocks[superblock].validFrom = .min
    superblocks[superblock].nextExpiry = .max
    superbounds[superblock] = Self.nobody
    regions[number]!.superblocks.append(UInt32(superblock))
    return superblock
  }

  func clearBlock(_ block: Int) {
    blocks[block] = BlockRow()
    ready[block] = 0
  }

  private mutating func growSuperblocks(to count: Int) {
    if count <= superblockCapacity { return }
    let capacity = max(count, superblockCapacity * 3 / 2)
    memory.grow(&superblocks, from: superblockCapacity, to: capacity)
    memory.grow(&superbounds, from: superblockCapacity, to: capacity)
    room.growSuperblocks(memory, from: superblockCapacity, to: capacity)
    superblockCapacity = capacity
  }

  mutating func growBlocks(to count: Int) {
    if count <= blockCapacity { return }
    let (old, capacity) = (blockCapacity, max(count, blockCapacity + blockCapacity / 16))
    memory.grow(&lines, from: 64 * old, to: 64 * capacity)
    memory.grow(&priceBuckets, from: 64 * old, to: 64 * capacity)
    memory.grow(&blocks, from: old, to: capacity)
    memory.grow(&ready, from: old, to: capacity)
    memory.grow(&bounds, from: old, to: capacity)
    memory.grow(&laneBounds, from: 16 * old, to: 16 * capacity)
    memory.grow(&fences, from: old, to: capacity)
    if !isFilling { sets.growBlocks(to: capacity, memory) }
    room.grow(memory, from: old, to: capacity)
    blockCapacity = capacity
  }
}

extension BlockMemory {
  /// A table of nobody. `nothing` counts none.
  func spareTable(emptied nothing: Column<UInt32>) -> RankTable {
    var table = spareTable()
    table.build(nothing, self)
    return table
  }
}

// Categories of miners.
extension BlockIndex {
  /// From so many uses on a category is common.
  private func isCommon(_ count: Int) -> Bool { count >= max(Self.leastCommon, ids.count / 512) }
  /// A common one with so few uses becomes rare again.
  private func isRare(_ count: Int) -> Bool { count < max(Self.leastCommon, ids.count / 512) / 2 }

  private static let leastCommon = 8

  /// Writes a miner's categories, by its lists and services, into words and postings, or wipes
  /// them out.
  mutating func setCategories(of row: Int, to isHeld: Bool) {
    if isFilling { return }
    let slot = Int(rows[row].slot)
    let held = details[row]
    if held.lists != 0 {
      for place in lists.lists(held.lists).all { set(lists[place], row, slot, isHeld) }
    }
    for service in held.services { set(service.type, row, slot, isHeld) }
  }

  private mutating func set(_ number: UInt32, _ row: Int, _ slot: Int, _ isHeld: Bool) {
    if let set = categories.set(of: number) {
      sets[set].set(1 << UInt64(slot & 63), in: slot >> 6, to: isHeld)
      if isRare(categories.useCount(of: number)) { makeRare(number) }
    } else if isHeld {
      // A miner may name a service twice.
      if categories.kind(of: number) == .service
        && categories.postings(of: number).contains(UInt32(row))
      {
        return
      }
      categories.add(row, to: number)
      if isCommon(categories.postings(of: number).count) { makeDense(number) }
    } else {
      categories.remove(row, from: number)
    }
  }

  /// Gives every common category a set.
  mutating func makeCommonDense() {
    for number in 0..<UInt32(categories.count) where isCommon(categories.useCount(of: number)) {
      categories.makeDense(number, sets.take(memory))
    }
  }

  /// Writes a miner's common categories into words, or wipes them out; its rare ones into postings
  /// only when that is done for everybody.
  mutating func setWords(of row: Int, _ block: Int, _ bit: UInt64, to isHeld: Bool) {
    if details[row].lists != 0 {
      for place in lists.lists(details[row].lists).all {
        setWord(lists[place], row, block, bit, isHeld)
      }
    }
    if details[row].services.isEmpty { return }
    for service in details[row].services { setWord(service.type, row, block, bit, isHeld) }
  }

  @inline(__always)
  private mutating func setWord(
    _ number: UInt32, _ row: Int, _ block: Int, _ bit: UInt64, _ isHeld: Bool
  ) {
    if let set = categories.set(of: number) {
      sets[set].set(bit, in: block, to: isHeld)
    } else if stage == .settling {
      categories.post(row, to: number)
    }
  }

  private mutating func makeDense(_ number: UInt32) {
    let set = sets.take(memory)
    for row in categories.postings(of: number) {
      let slot = Int(rows[Int(row)].slot)
      sets[set].insert(1 << UInt64(slot & 63), in: slot >> 6)
    }
    categories.makeDense(number, set)
  }

  private mutating func makeRare(_ number: UInt32) {
    guard let set = categories.set(of: number) else { return }
    var postings: [UInt32] = []
    for block in 0..<blockCount {
      var bits = sets[set].words[block]
      while bits != 0 {
        postings.append(lines[block * 64 + bits.trailingZeroBitCount].row)
        bits &= bits &- 1
      }
    }
    sets.release(set)
    categories.makeRare(number, postings)
  }
}
