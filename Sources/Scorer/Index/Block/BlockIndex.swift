import Domain

/// The index for many miners: blocks of 64, a word for each thing that a request can ask for, and
/// for each block bounds on the score that any of its miners can reach. ARCHITECTURE.md says why
/// skipping by these bounds changes no answer.
///
/// A copy shares its memory until one of the two is changed, which must not happen.
// @unchecked: the memory is shared only by copies, and a copy that is shared refuses all changes
// (`own`), so what several threads could reach nobody writes.
package struct BlockIndex: MinerIndex, @unchecked Sendable {
  let weights: Weights
  /// The weights divided by their sum.
  let shares: Weights
  var memory: BlockMemory

  // Miners, by row.
  var ids: NameTable
  var rows: Column<MinerRow>
  var details: Column<MinerDetails>
  var freeRows: [UInt32] = []
  var lists: ListPool
  var overrides = OverrideClock()

  // Slots.
  var lines: Column<MinerLine>
  var priceBuckets: Column<UInt16>

  // Blocks, and runs of them.
  var blocks: Column<BlockRow>
  /// Who is online and open, block by block.
  var ready: Column<UInt64>
  var sets: SetPool
  var vramTiers: SizeTiers
  var ramTiers: SizeTiers
  /// Bounds of a block together, for changes,
  var bounds: Column<SIMD16<Float>>
  /// and of a superblock's blocks together, lane by lane, for searches.
  var laneBounds: Column<Float>
  /// The lowest rating that each block was given when its region was last put in order.
  var fences: Column<Float>
  var blockCount = 0
  var blockCapacity: Int
  var superblocks: Column<SuperblockRow>
  var superbounds: Column<SIMD16<Float>>
  var superblockCount = 0
  var superblockCapacity: Int
  /// Runs that nobody uses, by the logarithm of their size.
  var freeSuperblocks = Array(repeating: [UInt32](), count: 7)

  var regionNumbers: RegionNumbers
  var regions: ContiguousArray<BlockRegion?> = []
  var freeRegions: [Int] = []
  var regionRows: Column<RegionRow>
  var regionCapacity = 4
  var categories: CategoryTable
  var grid = CapGrid(1_000...1_000_000_000_000)
  var stage = Stage.filling
  /// The order in the making.
  var ordering: Ordering?
  /// Up to so many miners are put in order at once. For tests.
  package var mostOrderedAtOnce = BlockIndex.fewMiners

  enum Stage {
    /// A fleet is coming in and nobody has asked yet: sets, postings and bounds aren't written,
    case filling
    /// but now, for the first time, for everybody.
    case settling
    case live
  }

  @inline(__always)
  var isFilling: Bool { stage == .filling }

  // Rooms to work in, empty between calls.
  var room: SearchRoom
  var priceCounts: Column<UInt32>
  var latencyCounts: Column<UInt32>
  /// The rows of the miners whose changes are said to come next, and how many of those have come.
  var expectedRows: [UInt32] = []
  var nextExpected = 0
  /// Where the background work goes on.
  var nextBlock = 0
  package var work = SearchWork()

  package init(weights: Weights) {
    self.weights = weights
    let sum = weights.sum
    shares = Weights(
      cap: weights.cap / sum, price: weights.price / sum, latency: weights.latency / sum,
      trust: weights.trust / sum, load: weights.load / sum)
    memory = BlockMemory()
    (rows, details) = (memory.rows, memory.details)
    ids = NameTable(memory)
    lists = ListPool(memory)
    categories = CategoryTable(memory)
    regionNumbers = RegionNumbers(memory)
    blockCapacity = 4
    superblockCapacity = 4
    lines = memory.allocate(MinerLine.self, count: 64 * blockCapacity)
    priceBuckets = memory.allocate(UInt16.self, count: 64 * blockCapacity)
    blocks = memory.allocate(BlockRow.self, count: blockCapacity)
    ready = memory.allocate(UInt64.self, count: blockCapacity)
    sets = SetPool(memory, blockCapacity: blockCapacity)
    vramTiers = SizeTiers(SizeTiers.vramGB, &sets, memory)
    ramTiers = SizeTiers(SizeTiers.ramGB, &sets, memory)
    bounds = memory.allocate(SIMD16<Float>.self, count: blockCapacity)
    laneBounds = memory.allocate(Float.self, count: 16 * blockCapacity)
    fences = memory.allocate(Float.self, count: blockCapacity)
    superblocks = memory.allocate(SuperblockRow.self, count: superblockCapacity)
    superbounds = memory.allocate(SIMD16<Float>.self, count: superblockCapacity)
    regionRows = memory.allocate(RegionRow.self, count: regionCapacity)
    priceCounts = memory.allocate(UInt32.self, count: Bucket.count)
    latencyCounts = memory.allocate(UInt32.self, count: Bucket.count)
    room = SearchRoom(
      memory, &sets, blockCapacity: blockCapacity, superblockCapacity: superblockCapacity)
  }

  package func contains(_ id: MinerID) -> Bool { row(of: id) != nil }

  @inline(__always)
  func row(of id: MinerID) -> Int? {
    return ids.find(ids.hash(id.text)) { rows[$0].id == id }
  }

  /// What changes must be alone.
  @inline(__always)
  mutating func own() {
    precondition(isKnownUniquelyReferenced(&memory), "a copy of a block index must not change")
  }

  package var statistics: IndexStatistics {
    var online: [String: Int] = [:]
    var latency = (sum: 0.0, count: 0)
    for number in regions.indices {
      guard let name = regions[number]?.name else { continue }
      let row = regionRows[number]
      online[name, default: 0] += row.prices.count
      latency.sum += Double(row.shownLatencyUnitsSum) / 64
      latency.count += row.latencies.count
    }
    return IndexStatistics(
      minerCount: ids.count, onlineByRegion: online,
      avgLatencyMilliseconds: latency.count == 0 ? nil : latency.sum / Double(latency.count))
  }

  /// The memory held, in bytes, without the strings.
  package var byteCount: Int {
    memory.byteCount + categories.byteCount
  }
}

/// What searches looked at, for measuring.
package struct SearchWork: Equatable, Sendable {
  package var superblocks = 0
  package var blocks = 0
  package var miners = 0

  package init() {}

  mutating func add(_ other: SearchWork) {
    superblocks += other.superblocks
    blocks += other.blocks
    miners += other.miners
  }
}
