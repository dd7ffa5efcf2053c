import CVector
import Domain

/// One request's way through the blocks: superblocks and their blocks by falling bound, until no
/// bound reaches the worst of the best. Leases and tables are right already; nothing is changed
/// but the room to work in.
// A value of plain addresses: methods of the index itself would hand all of it around.
struct BlockSearch {
  let ask: BlockAsk
  let columns: SearchColumns
  let room: SearchRoom.Addresses
  private var round = Round.all
  /// The most that the cap part comes to in this round.
  private var capBound: Float
  var topCount = 0
  var work = SearchWork()
  private var heapCount = 0

  init(_ ask: BlockAsk, _ columns: SearchColumns, _ room: SearchRoom.Addresses) {
    self.ask = ask
    self.columns = columns
    self.room = room
    capBound = ask.capShare
  }

  /// Who is looked for. Of two asked capabilities the few miners that have both score much more
  /// than the many that have one, so each of the two has a round of its own, with bounds of its own.
  enum Round { case all, both, one }

  /// Whether the rounds are `both` and `one`, instead of just `all`.
  @inline(__always)
  var hasTwoRounds: Bool { ask.askedCapabilities == 2 && room.shareRange.count == 2 }

  mutating func begin(_ round: Round) {
    self.round = round
    capBound = round == .one ? ask.capShare / 2 : ask.capShare
    heapCount = 0
  }

  // The heap's keys: the bound's bits above, so that the highest bound is the greatest key; below
  // them whether the superblock is staged, then the place of its best block, and its number.
  private static let isStaged: UInt64 = 0x8000_0000
  private static let placeShift: UInt64 = 25
  private static let numberMask: UInt64 = 0x1FF_FFFF

  // MARK: From the superblocks down

  /// Takes in a superblock that is to be searched.
  @inline(__always)
  mutating func add(_ superblock: Int) {
    if room.mustEnd > 0 {
      // The first set is the memory's, if any is: by it superblocks differ most.
      let first = Int(columns.superblocks[superblock].first)
      if room.terms[0].blocks(from: first) == 0 { return }
    }
    let region = columns.regions + Int(columns.superblocks[superblock].region)
    let bound = bound(columns.superbounds + superblock, region) + capBound
    if bound < leastBound { return }
    room.heap[heapCount] = UInt64(bound.bitPattern) << 32 | UInt64(superblock)
    heapCount += 1
  }

  mutating func run() {
    orderHeap()
    fetchNextStage()
    // One block is fetched while the one before it is looked at.
    var next = (block: 0, mask: UInt64(0), bound: Float(-1))
    while heapCount > 0 {
      let key = room.heap[0]
      let bound = Float(bitPattern: UInt32(key >> 32))
      if bound < leastBound { break }
      let superblock = Int(key & Self.numberMask)
      if key & Self.isStaged == 0 {
        stage(superblock)
        continue
      }
      let place = Int(key >> Self.placeShift & 63)
      if room.stagedSieved[superblock] >> UInt64(place) & 1 == 0 {
        sieve(superblock, around: place)
        continue
      }
      let staged = 64 * superblock + place
      let chosen = (
        block: Int(columns.superblocks[superblock].first) + place,
        mask: room.stagedMasks[staged], bound: bound
      )
      fetch(chosen.block, chosen.mask)
      room.stagedBounds[staged] = -1
      reorder(superblock)
      if next.bound >= leastBound { look(at: next.block, next.mask) }
      next = chosen
    }
    if next.bound >= leastBound { look(at: next.block, next.mask) }
  }

  /// Works out the bounds of a superblock's blocks.
  private mutating func stage(_ superblock: Int) {
    work.superblocks += 1
    let row = columns.superblocks[superblock]
    let (first, capacity) = (Int(row.first), Int(row.capacity))
    let possible = possibleBlocks(from: first)
    let staged = room.stagedBounds + 64 * superblock
    if possible == 0 {
      replaceFirst(with: nil)
      return
    }
    let lanes = columns.laneBounds + first * 16
    blend_rows(
      lanes + ask.lane * capacity, lanes + ask.otherLane * capacity, ask.blend,
      rise(columns.regions + Int(row.region)) + capBound, Int32(row.count), staged)
    var impossible = ~possible
    while impossible != 0 {
      staged[impossible.trailingZeroBitCount] = -1
      impossible &= impossible &- 1
    }
    room.stagedSieved[superblock] = 0
    fetchWords(first + reorder(superblock))
    fetchNextStage()
  }

  /// Asks for the bounds of the superblock that will probably be staged next.
  @inline(__always)
  private func fetchNextStage() {
    for place in 0..<min(3, heapCount) where room.heap[place] & Self.isStaged == 0 {
      let row = columns.superblocks[Int(room.heap[place] & Self.numberMask)]
      let (first, capacity) = (Int(row.first), Int(row.capacity))
      let lanes = columns.laneBounds + first * 16 + min(ask.lane, ask.otherLane) * capacity
      for part in stride(from: 0, to: capacity * 2, by: 16) { prefetch(lanes + part) }
    }
  }

  /// Those of 64 blocks that have anybody in all the sets.
  @inline(__always)
  private func possibleBlocks(from first: Int) -> UInt64 {
    var possible = UInt64.max
    var place = 0
    while place < room.mustEnd {
      possible &= room.terms[place].blocks(from: first)
      place += 1
    }
    for group in 0..<room.anyCount {
      var any: UInt64 = 0
      while place < room.anyEnds[group] {
        any |= room.terms[place].blocks(from: first)
        place += 1
      }
      possible &= any
    }
    if round == .both {
      let place = room.shareRange.lowerBound
      possible &= room.terms[place].blocks(from: first) & room.terms[place + 1].blocks(from: first)
    }
    return possible
  }

  /// Works out who passes by category in a block and its neighbours, whose words come in the same
  /// cache lines; the second time, in all that are left: few pass then, and lines that are asked
  /// for together come together.
  private mutating func sieve(_ superblock: Int, around place: Int) {
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

  private func sieve(_ superblock: Int, each left: UInt64) {
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
  private func fetchWords(_ block: Int) {
    prefetch(columns.ready + block)
    for place in 0..<room.termCount { prefetch(room.terms[place].words + block) }
  }

  private func sieve(_ superblock: Int, _ places: Range<Int>) {
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
  private func mask(of block: Int) -> UInt64 {
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

  // MARK: Rare categories

  /// Only a block in which somebody has what few have.
  mutating func lookAtTouched(_ block: Int) {
    if ask.region >= 0 && ask.region != Int(columns.blocks[block].region) { return }
    let mask = mask(of: block)
    if mask == 0 { return }
    let bound = bound(columns.bounds + block, columns.region(of: block)) + share(mask, block)
    if bound >= leastBound { look(at: block, mask) }
  }

  /// All who have both asked capabilities, where they are too few for an order to help: a walk over
  /// both sets' words.
  mutating func lookAtBoth(of superblock: Int) {
    let (first, count) = (
      Int(columns.superblocks[superblock].first), Int(columns.superblocks[superblock].count)
    )
    let possible = possibleBlocks(from: first)
    if possible == 0 { return }
    let (one, other) = (room.terms + room.shareRange.lowerBound).pair
    var met = meeting(one.words + first, other.words + first, Int32(count)) & possible
    while met != 0 {
      let block = first + met.trailingZeroBitCount
      met &= met &- 1
      lookAtTouched(block)
    }
  }

  // MARK: Bounds

  /// The most that a miner can come to, but for the cap part and what `share` adds.
  @inline(__always)
  private func bound(
    _ parts: Column<SIMD16<Float>>, _ region: Column<RegionRow>
  ) -> Float {
    // Lane by lane from memory: a vector's lane by a variable would take the whole vector along.
    let parts = UnsafeRawPointer(parts).assumingMemoryBound(to: Float.self)
    let low = parts[ask.lane]
    return low + ask.blend * (parts[ask.otherLane] - low) + rise(region)
  }

  /// What all bounds of a region are short of.
  @inline(__always)
  private func rise(_ region: Column<RegionRow>) -> Float {
    let slack = region.pointee.latencySlack
    return BlockIndex.margin
      + (ask.lane == CapGrid.rankLane ? slack + region.pointee.priceSlack : slack)
  }

  /// Whose bound is below this can't be among the best any more.
  @inline(__always)
  var leastBound: Float {
    topCount < ask.limit ? 0 : max(0, Float(room.top[ask.limit - 1].score).nextDown)
  }

  /// The most that the cap part comes to for any of these miners.
  @inline(__always)
  private func share(_ mask: UInt64, _ block: Int) -> Float {
    if ask.askedCapabilities <= 1 || round != .all { return capBound }
    return ask.capShare * (Float(mostMet(mask, block)) / Float(ask.askedCapabilities))
  }

  /// How many of the asked capabilities the miner of this mask that has most of them has, or more.
  @inline(__always)
  private func mostMet(_ mask: UInt64, _ block: Int) -> Int {
    let rareCount = room.rareCapabilityCount
    let rareMet = rareCount > 0 && room.rareMarks.words[block] & mask != 0 ? rareCount : 0
    let range = room.shareRange
    if range.count == 2 {
      let first = room.terms[range.lowerBound].words[block]
      let both = first & room.terms[range.lowerBound + 1].words[block] & mask
      return (both != 0 ? 2 : 1) + rareMet
    }
    return max(1, mostMet(mask, block, range) + rareMet)
  }

  private func mostMet(_ mask: UInt64, _ block: Int, _ range: Range<Int>) -> Int {
    if range.count < 2 || range.count > 15 { return range.count }
    // A number for each miner, bit by bit, in four words.
    var (ones, twos, fours, eights) = (UInt64(0), UInt64(0), UInt64(0), UInt64(0))
    for place in range {
      var carry = room.terms[place].words[block] & mask
      (ones, carry) = (ones ^ carry, ones & carry)
      (twos, carry) = (twos ^ carry, twos & carry)
      (fours, carry) = (fours ^ carry, fours & carry)
      eights ^= carry
    }
    var most = 0
    var left = mask
    for (word, value) in [(eights, 8), (fours, 4), (twos, 2), (ones, 1)] where left & word != 0 {
      left &= word
      most += value
    }
    return most
  }
}

// The heap of superblocks, and what of each is the best.
extension BlockSearch {
  /// Gives the first superblock the place that its blocks' bounds now call for.
  ///
  /// - Returns: its block with the highest bound.
  @inline(__always)
  @discardableResult
  private mutating func reorder(_ superblock: Int) -> Int {
    let staged = room.stagedBounds + 64 * superblock
    let bound = greatest(staged)
    if bound < 0 {
      replaceFirst(with: nil)
      return 0
    }
    let place = at_least(staged, bound).trailingZeroBitCount
    replaceFirst(
      with: UInt64(bound.bitPattern) << 32 | Self.isStaged | UInt64(place) << Self.placeShift
        | UInt64(superblock))
    return place
  }

  private func orderHeap() {
    var place = heapCount / 2
    while place > 0 {
      place -= 1
      sink(room.heap[place], from: place)
    }
  }

  @inline(__always)
  private mutating func replaceFirst(with key: UInt64?) {
    if let key {
      sink(key, from: 0)
      return
    }
    heapCount -= 1
    if heapCount > 0 { sink(room.heap[heapCount], from: 0) }
  }

  @inline(__always)
  private func sink(_ key: UInt64, from start: Int) {
    let heap = room.heap
    var place = start
    while true {
      var child = 2 * place + 1
      if child >= heapCount { break }
      if child + 1 < heapCount && heap[child + 1] > heap[child] { child += 1 }
      if heap[child] <= key { break }
      heap[place] = heap[child]
      place = child
    }
    heap[place] = key
  }
}
