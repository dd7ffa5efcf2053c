import Domain

// Who stands beside whom. Within a region miners go by memory into classes, by price into a class's
// bands, and within a band by the parts of their score that last. So what a block's miners come to
// is nearly the same at any cap, a search passes by whole superblocks whose miners are too small,
// and the blocks looked at first are those that win. Order changes no answer.
extension BlockIndex {
  /// Blocks that are looked after at each tick.
  package static let blocksPerTick = 1_024
  private static let mostClasses = 4
  private static let mostBands = 16
  private static let blocksPerBand = 8

  /// What miners of a band are ordered by: the latency and trust parts. Load changes too fast.
  @inline(__always)
  func rating(_ line: Column<MinerLine>, _ region: Column<RegionRow>) -> Float {
    let latency =
      line.pointee.latencyBucket < 0
      ? Score.unknownLatency
      : 1 - region.pointee.latencies.rank(Int(line.pointee.latencyBucket))
    return Float(shares.latency * latency + shares.trust * line.pointee.trust)
  }

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
    sets.removeAll(blockCapacity: blockCapacity, memory)
    for number in regions.indices where regions[number] != nil { releaseSuperblocks(of: number) }
    for block in 0..<blockCount { clearBlock(block) }
    freeSuperblocks = Array(repeating: [], count: 7)
    (superblockCount, blockCount) = (0, 0)
    for number in regions.indices where regions[number] != nil {
      place(orders[number], from: old, in: number, at: leaseTime)
      regionRows[number].unplacedCount = 0
    }
    memory.free(old)
    for superblock in 0..<superblockCount { computeBounds(ofSuperblock: superblock) }
    nextBlock = 0
    isOrdered = true
  }

  /// A region's slots, band by band, those of the best miners first: the band, how far the rating
  /// is below the best there can be, and the slot.
  private mutating func order(ofRegion number: Int) -> [UInt64] {
    guard let region = regions[number] else { return [] }
    var slots: [UInt32] = []
    slots.reserveCapacity(regionRows[number].memberCount)
    for superblock in region.superblocks {
      let row = superblocks[Int(superblock)]
      for block in Int(row.first)..<Int(row.first) + Int(row.count) {
        var bits = blocks[block].occupied
        while bits != 0 {
          slots.append(UInt32(block * 64 + bits.trailingZeroBitCount))
          bits &= bits &- 1
        }
      }
    }
    let bands = bands(of: slots)
    regions[number]!.bands = bands
    var keys = slots.map { slot in
      let line = lines + Int(slot)
      let lack = UInt64(max(0, 1 - rating(line, regionRows + number)) * 0x3FF_0000)
      return UInt64(bands.number(of: line)) << 58 | lack << 32 | UInt64(slot)
    }
    keys.sort()
    return keys
  }

  private static func band(ofKey key: UInt64) -> Int { Int(key >> 58) }

  /// Classes that are worth a superblock or more, and in each of them bands of about as many miners.
  private func bands(of slots: [UInt32]) -> MinerBands {
    let step = max(1, slots.count / 16_384)
    let sample = stride(from: 0, to: slots.count, by: step).map { lines + Int(slots[$0]) }
    let sizes = sample.map(\.pointee.vramGB).sorted()
    let least = Self.classes(of: sizes, atLeast: max(1, 64 * 64 / step))
    var prices = Array(repeating: [Int64](), count: least.count + 1)
    for line in sample {
      prices[least.count { $0 <= line.pointee.vramGB }].append(line.pointee.price)
    }
    return MinerBands(
      leastVRAMGB: least, highest: prices.map { Self.bands(of: $0.sorted(), step: step) })
  }

  /// The sizes at which classes begin, but the first. The largest class that can be cut is cut as
  /// near to its middle as its sizes allow.
  private static func classes(of sizes: [Double], atLeast least: Int) -> [Double] {
    var cuts = [0, sizes.count]
    while cuts.count <= mostClasses {
      var best: (cut: Int, gain: Int)?
      for (start, end) in zip(cuts, cuts.dropFirst()) {
        for cut in start..<end
        where cut > start && sizes[cut] != sizes[cut - 1] {
          let gain = min(cut - start, end - cut)
          if gain >= least && gain > best?.gain ?? 0 { best = (cut, gain) }
        }
      }
      guard let best else { break }
      cuts.append(best.cut)
      cuts.sort()
    }
    return cuts.dropFirst().dropLast().map { sizes[$0] }
  }

  /// The highest price of each band of a class.
  ///
  /// - Parameters:
  ///   - prices: a sample, one of `step` miners, ascending.
  private static func bands(of prices: [Int64], step: Int) -> [Int64] {
    var count = 1
    while count < mostBands && prices.count * step / 64 >= 2 * count * blocksPerBand { count *= 2 }
    return (1..<count).map { prices[prices.count * $0 / count] } + [.max]
  }

  /// What is to stand in one block: a range of an order, of one band.
  private struct Stand {
    var range: Range<Int>
    var band: Int
    /// How many blocks of its band are better.
    var rank: Int
    /// How many superblocks of its class are better.
    var turn = 0
  }

  /// Cuts an order into blocks. The best of all bands of a class come first, then those that are
  /// next: so a superblock holds blocks that are about as good, and what is good is in few of them.
  private func stands(_ order: [UInt64], _ bands: MinerBands) -> [Stand] {
    var stands: [Stand] = []
    var start = 0
    for number in 0..<bands.classCount {
      let range = bands.range(ofClass: number)
      let together = max(1, 64 / range.count)
      let first = stands.count
      while start < order.count && range.contains(Self.band(ofKey: order[start])) {
        let band = Self.band(ofKey: order[start])
        var end = start
        while end < order.count && end < start + 64 && Self.band(ofKey: order[end]) == band {
          end += 1
        }
        let rank = stands.last?.band == band ? stands.last!.rank + 1 : 0
        stands.append(
          Stand(range: start..<end, band: band, rank: rank, turn: rank / together))
        start = end
      }
      stands[first...].sort { ($0.turn, $0.band, $0.rank) < ($1.turn, $1.band, $1.rank) }
    }
    return stands
  }

  private mutating func place(
    _ order: [UInt64], from old: Column<MinerLine>, in number: Int, at leaseTime: Int64
  ) {
    let stands = stands(order, regions[number]!.bands)
    for (done, stand) in stands.enumerated() {
      addBlock(to: number, ofAtLeast: stands.count - done)
      let block = Int(regionRows[number].withRoom) - 1
      blocks[block].validFrom = leaseTime
      superblocks[Int(blocks[block].superblock)].validFrom = leaseTime
      for (place, key) in order[stand.range].enumerated() {
        put(old[Int(key & 0xFFFF_FFFF)], block, place, over: MinerLine())
      }
      if stand.range.count == 64 {
        regionRows[number].withRoom = blocks[block].nextWithRoom
        blocks[block].isListedWithRoom = false
      }
      computeBounds(of: block)
      let last = lines + (block * 64 + stand.range.count - 1)
      fences[block] = rating(last, regionRows + number)
      blocks[block].band = UInt8(stand.band)
      blocks[block].rank = UInt32(stand.rank)
      regions[number]!.bands.blocks[stand.band].append(UInt32(block))
    }
  }

  /// Puts a line where none is, with its categories. Bounds are left to the caller.
  ///
  /// - Parameter old: whose sizes the tiers' sets hold there.
  mutating func put(_ line: MinerLine, _ block: Int, _ place: Int, over old: MinerLine) {
    let (slot, bit) = (block * 64 + place, UInt64(1) << UInt64(place))
    let row = Int(line.row)
    lines[slot] = line
    rows[row].slot = UInt32(slot)
    setSizes(of: slot, from: old, to: line)
    priceBuckets[slot] = UInt16(line.priceBucket)
    blocks[block].occupied |= bit
    setOpenAndOnline(block, bit, line)
    setWords(of: row, block, bit, to: true)
  }

  /// Writes a miner's common categories into words, or wipes them out.
  func setWords(of row: Int, _ block: Int, _ bit: UInt64, to isHeld: Bool) {
    let held = details[row]
    func set(_ number: UInt32) {
      if let set = categories[number].set { sets[set].set(bit, in: block, to: isHeld) }
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
    let region = regionRow(of: block)
    return region.pointee.latencySlack + region.pointee.priceSlack - blocks[block].slack > 0.000_5
  }
}
