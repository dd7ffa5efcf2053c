import Domain

/// One list of a request, or its service: which categories would do, common or rare.
struct AskedGroup {
  /// The common ones' sets.
  var dense: [SlotSet] = []
  /// The share of all miners that would be in all of those, were they drawn independently.
  var shareOfAll = 1.0
  var rare: [UInt32] = []
  var isAsked = false
  /// Nobody can have it: what is asked (all of it, for an any) is unknown.
  var isImpossible = false
  /// The number of a set: miners that meet the group by its rare ones; empty between requests.
  let marked: UInt32
  /// The blocks in which somebody is marked.
  var touched: [UInt32] = []

  /// The group rests on rare ones alone.
  var isRareOnly: Bool { isAsked && dense.isEmpty && !rare.isEmpty }
}

/// One of the best so far.
struct TopEntry: BitwiseCopyable {
  var score: Double
  var slot: Int
}

/// What requests are worked out in, kept from one to the next so that none has to ask for memory.
struct SearchRoom {
  /// The parts of a request that ask for categories.
  enum Group: Int, CaseIterable {
    case accelAny, capabilitiesAny, capabilitiesAll, tagsAny, tagsAll, service

    static let musts: [Group] = [.capabilitiesAll, .tagsAll, .service]
    static let anys: [Group] = [.accelAny, .capabilitiesAny, .tagsAny]
  }

  var groups: [AskedGroup]
  /// Miners that this request won't have.
  var holes: Column<UInt64>
  var holeSlots: [Int] = []

  /// The sets that a miner must be in, then those of each any.
  private(set) var terms: Column<SlotSet>
  private(set) var termCount = 0
  private var termCapacity = 64
  var mustEnd = 0
  /// Where each any's terms end.
  let anyEnds: Column<Int>
  var anyCount = 0
  /// Where among the terms the asked capabilities stand that are common, any of them.
  var shareRange = 0..<0
  /// Those that are rare.
  let rareCapabilities: Column<UInt32>
  var rareCapabilityCount = 0

  /// Superblocks yet to be looked at, the highest bound on top.
  private(set) var heap: Column<UInt64>
  /// For each superblock that is looked into: its blocks' bounds, -1 where nobody is left; who
  /// passes the filters by category there; and, a bit a block, where that has been worked out.
  private(set) var stagedBounds: Column<Float>
  private(set) var stagedMasks: Column<UInt64>
  private(set) var stagedSieved: Column<UInt64>
  /// The blocks that a walk has come to last.
  let walk: Column<WalkedBlock>
  let top: Column<TopEntry>

  init(
    _ memory: BlockMemory, _ sets: inout SetPool, blockCapacity: Int, superblockCapacity: Int
  ) {
    groups = Group.allCases.map { _ in AskedGroup(marked: sets.take(memory)) }
    holes = memory.allocate(UInt64.self, count: blockCapacity)
    terms = memory.allocate(SlotSet.self, count: termCapacity)
    anyEnds = memory.allocate(Int.self, count: Group.allCases.count)
    rareCapabilities = memory.allocate(UInt32.self, count: Limits.listCount)
    heap = memory.allocate(UInt64.self, count: superblockCapacity)
    stagedBounds = memory.allocate(Float.self, count: 64 * superblockCapacity)
    stagedMasks = memory.allocate(UInt64.self, count: 64 * superblockCapacity)
    stagedSieved = memory.allocate(UInt64.self, count: superblockCapacity)
    walk = memory.allocate(WalkedBlock.self, count: BlockSearch.walkLength)
    top = memory.allocate(TopEntry.self, count: Limits.topK.upperBound + 1)
  }

  mutating func grow(_ memory: BlockMemory, from old: Int, to capacity: Int) {
    memory.grow(&holes, from: old, to: capacity)
  }

  mutating func growSuperblocks(_ memory: BlockMemory, from old: Int, to capacity: Int) {
    memory.grow(&heap, from: old, to: capacity)
    memory.grow(&stagedBounds, from: 64 * old, to: 64 * capacity)
    memory.grow(&stagedMasks, from: 64 * old, to: 64 * capacity)
    memory.grow(&stagedSieved, from: old, to: capacity)
  }

  subscript(group: Group) -> AskedGroup {
    _read { yield groups[group.rawValue] }
    _modify { yield &groups[group.rawValue] }
  }

  mutating func addTerm(_ set: SlotSet, _ memory: BlockMemory) {
    if termCount == termCapacity {
      memory.grow(&terms, from: termCapacity, to: 2 * termCapacity)
      termCapacity *= 2
    }
    terms[termCount] = set
    termCount += 1
  }

  /// Wipes out all that the last request left.
  mutating func clear(_ sets: SetPool) {
    for group in groups.indices where groups[group].isAsked {
      let marked = sets[groups[group].marked]
      for block in groups[group].touched { marked.remove(.max, in: Int(block)) }
      groups[group].touched.removeAll(keepingCapacity: true)
      groups[group].dense.removeAll(keepingCapacity: true)
      groups[group].shareOfAll = 1
      groups[group].rare.removeAll(keepingCapacity: true)
      groups[group].isAsked = false
      groups[group].isImpossible = false
    }
    for slot in holeSlots { holes[slot >> 6] = 0 }
    holeSlots.removeAll(keepingCapacity: true)
    shareRange = 0..<0
    (termCount, mustEnd, anyCount, rareCapabilityCount) = (0, 0, 0, 0)
  }
}
