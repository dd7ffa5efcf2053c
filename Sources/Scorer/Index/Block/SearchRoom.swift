import Domain

/// One list of a request, or its service: which categories would do, common or rare.
struct AskedGroup {
  /// Words of the common ones.
  var dense: [Column<UInt64>] = []
  var rare: [UInt32] = []
  var isAsked = false
  /// Nobody can have it: what is asked (all of it, for an any) is unknown.
  var isImpossible = false
  /// One bit a slot for miners that meet the group by its rare ones; zeros between requests.
  var words: Column<UInt64>
  /// The blocks in which `words` has bits.
  var touched: [UInt32] = []

  /// The group rests on rare ones alone.
  var isRareOnly: Bool { isAsked && dense.isEmpty && !rare.isEmpty }
}

/// One of the best so far.
struct TopEntry: BitwiseCopyable {
  var score: Double
  var slot: Int
}

/// What searches work with, kept from one to the next so that none has to ask for memory.
struct SearchRoom {
  /// `rejectionOrder` is the order in which they are filtered by.
  enum Group: Int, CaseIterable {
    case accelAny, capabilitiesAny, capabilitiesAll, tagsAny, tagsAll, service
  }

  var groups: [AskedGroup]
  /// Miners that this request won't have.
  var holes: Column<UInt64>
  var holeSlots: [Int] = []
  /// The words of `mustRange`, then of each of `anyRanges`.
  var terms: [Column<UInt64>] = []
  var mustEnd = 0
  var anyEnds: [Int] = []
  /// Where among the terms the asked capabilities stand, any of them.
  var shareRange = 0..<0
  /// Superblocks and blocks yet to be looked at, the highest bound on top.
  var heap: [UInt64] = []
  var top: [TopEntry] = []

  init(_ memory: BlockMemory, blockCapacity: Int) {
    groups = Group.allCases.map { _ in
      AskedGroup(words: memory.allocate(UInt64.self, count: blockCapacity))
    }
    holes = memory.allocate(UInt64.self, count: blockCapacity)
    top.reserveCapacity(Limits.topK.upperBound + 1)
  }

  mutating func grow(_ memory: BlockMemory, from old: Int, to capacity: Int) {
    for group in groups.indices {
      memory.grow(&groups[group].words, from: old, to: capacity)
    }
    memory.grow(&holes, from: old, to: capacity)
  }

  subscript(group: Group) -> AskedGroup {
    _read { yield groups[group.rawValue] }
    _modify { yield &groups[group.rawValue] }
  }

  /// Wipes out all that the last request left.
  mutating func clear() {
    for group in groups.indices where groups[group].isAsked {
      for block in groups[group].touched { groups[group].words[Int(block)] = 0 }
      groups[group].touched.removeAll(keepingCapacity: true)
      groups[group].dense.removeAll(keepingCapacity: true)
      groups[group].rare.removeAll(keepingCapacity: true)
      groups[group].isAsked = false
      groups[group].isImpossible = false
    }
    for slot in holeSlots { holes[slot >> 6] = 0 }
    holeSlots.removeAll(keepingCapacity: true)
    terms.removeAll(keepingCapacity: true)
    anyEnds.removeAll(keepingCapacity: true)
    shareRange = 0..<0
    heap.removeAll(keepingCapacity: true)
    top.removeAll(keepingCapacity: true)
  }
}
