import CVector
import Domain

/// One request's way through the blocks: superblocks and their blocks by falling bound, until no
/// bound reaches the worst of the best. Leases and tables are right already; nothing is changed
/// but the room to work in.
// A value of plain addresses: methods of the index itself would hand all of it around. Its methods that
// aren't inlined are mutating, whether they change anything or not: else each call would copy it.
struct BlockSearch {
  let ask: BlockAsk
  let columns: SearchColumns
  let room: SearchRoom.Addresses
  private(set) var round = Round.all
  /// The most that the cap part comes to in this round.
  private(set) var capBound: Float
  var topCount = 0
  var work = SearchWork()
  var heapCount = 0
  /// How many blocks the walk has come to.
  var walkCount = 0

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
  static let isStaged: UInt64 = 0x8000_0000
  static let placeShift: UInt64 = 25
  static let numberMask: UInt64 = 0x1FF_FFFF

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
    var next = (block: 0, mask: UInt64(0), bound: Float(-1), region: columns.regions)
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
      let row = columns.superblocks[superblock]
      let chosen = (
        block: Int(row.first) + place, mask: room.stagedMasks[staged], bound: bound,
        region: columns.regions + Int(row.region)
      )
      fetch(chosen.block, chosen.mask)
      room.stagedBounds[staged] = -1
      reorder(superblock)
      if next.bound >= leastBound { look(at: next.block, next.mask, next.region) }
      next = chosen
    }
    if next.bound >= leastBound { look(at: next.block, next.mask, next.region) }
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
  mutating func possibleBlocks(from first: Int) -> UInt64 {
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
}
