import Glibc

/// A block: up to 64 miners of one region, one bit each.
struct BlockRow: BitwiseCopyable {
  var occupied: UInt64 = 0
  /// Whose lease goes on, for any lease time from `validFrom` to before `nextExpiry`.
  var online: UInt64 = 0
  /// Who takes jobs, online or not.
  var open: UInt64 = 0
  var validFrom = Int64.min
  var nextExpiry = Int64.max
  var region: UInt32 = 0
  var superblock: UInt32 = 0
  /// The next of its region's blocks that have room, plus one; 0 at the end.
  var nextWithRoom: UInt32 = 0
  /// The region's slack at which its bounds were last computed.
  var slack: Float = 0
  /// The block's band, and how many blocks of it are better; as of when it was put in order.
  var rank: UInt32 = 0
  var band = UInt8.max
  var isListedWithRoom = false
  /// Its bounds may be higher than its miners make them.
  var isLoose = false

  /// Whom a match may be given. Also kept in a column of its own, for the search.
  var ready: UInt64 { online & open }
}

/// A run of blocks of one region, a power of two of them at most 64, the first `count` in use.
struct SuperblockRow: BitwiseCopyable {
  var first: UInt32 = 0
  var count: UInt16 = 0
  var capacity: UInt16 = 0
  var region: UInt32 = 0
  /// No lease of its blocks changes its state from `validFrom` to before `nextExpiry`.
  var validFrom = Int64.min
  var nextExpiry = Int64.max
  var isLoose = false
  /// Its miners are on their way into others.
  var isLeaving = false
}

/// A region that has miners, by name.
struct BlockRegion {
  var name: String
  var superblocks: [UInt32] = []
  /// As of when its miners were last put in order.
  var bands = MinerBands()
}

/// Miners by memory in classes, by price within a class: bands, each with the blocks that were given
/// to it, best first.
struct MinerBands {
  /// The least VRAM of each class but the first, ascending.
  private let leastVRAMGB: [Double]
  /// The first band of each class, and the number of all bands.
  private let starts: [Int]
  /// The highest price of each band.
  private let highest: [Int64]
  var blocks: [[UInt32]]

  init() { self.init(leastVRAMGB: [], highest: []) }

  /// - Parameter highest: class by class, the highest price of each of its bands.
  init(leastVRAMGB: [Double], highest: [[Int64]]) {
    self.leastVRAMGB = leastVRAMGB
    self.highest = highest.flatMap { $0 }
    starts = highest.reduce(into: [0]) { $0.append($0.last! + $1.count) }
    blocks = self.highest.map { _ in [] }
  }

  var isEmpty: Bool { highest.isEmpty }
  var classCount: Int { starts.count - 1 }

  func range(ofClass number: Int) -> Range<Int> { starts[number]..<starts[number + 1] }

  func classNumber(ofVRAMGB size: Double) -> Int { leastVRAMGB.count { $0 <= size } }

  /// - Precondition: there are bands.
  func number(of line: Column<MinerLine>) -> Int {
    let range = range(ofClass: classNumber(ofVRAMGB: line.pointee.vramGB))
    var (low, high) = (range.lowerBound, range.upperBound - 1)
    while low < high {
      let middle = (low + high) / 2
      if line.pointee.price > highest[middle] { low = middle + 1 } else { high = middle }
    }
    return low
  }
}

/// A region's numbers.
struct RegionRow: BitwiseCopyable {
  var prices: RankTable
  var latencies: RankTable
  var memberCount = 0
  /// A block that has room, plus one; 0 when none has.
  var withRoom: UInt32 = 0
  /// What the bounds of this region's blocks are short of, because ranks have fallen since.
  var latencySlack: Float = 0
  var priceSlack: Float = 0
  /// How many online miners are in each bucket; kept for large regions only.
  var priceCounts: Column<UInt32>?
  var latencyCounts: Column<UInt32>?
  var latencyUnitsSum: Int64 = 0
  /// As of the last refresh.
  var shownLatencyUnitsSum: Int64 = 0
  /// Those added since miners were last put in order.
  var unplacedCount = 0
  var wasLarge = false
  /// The tables aren't those of the miners as they are.
  var isChanged = true

  var isLarge: Bool { memberCount >= ScanIndex.largeRegionCount }
}

/// The price caps for which blocks keep bounds. Between two of them the bound is taken from the
/// line between theirs: the best of many linear functions (of one over the cap) is convex.
struct CapGrid: BitwiseCopyable {
  /// The last two lanes: a cap above any price, and no cap (ranks).
  static let capCount = 14
  static let freeLane = 14
  static let rankLane = 15

  private(set) var caps = SIMD16<Int64>(repeating: .max)
  /// One over each cap.
  private(set) var inverse = SIMD16<Float>(repeating: 0)
  /// Whose price is above this counts for nothing in the lane: the next cap.
  private(set) var limit = SIMD16<Float>(repeating: .infinity)

  /// - Parameter range: where caps will mostly be.
  init(_ range: ClosedRange<Int64>) {
    let low = max(1, Double(range.lowerBound))
    let high = max(low * 2, Double(range.upperBound))
    let step = pow(high / low, 1 / Double(Self.capCount - 1))
    var last: Int64 = 0
    var value = low
    for lane in 0..<Self.capCount {
      last = max(last + 1, Int64(min(value, 9e17)))
      caps[lane] = last
      inverse[lane] = Float(1 / Double(last))
      if lane > 0 { limit[lane - 1] = Float(last) }
      value *= step
    }
  }

  /// Whether both span nearly the same caps.
  func isLike(_ other: CapGrid) -> Bool {
    [0, Self.capCount - 1].allSatisfy {
      let ratio = Double(caps[$0]) / Double(other.caps[$0])
      return ratio < 1.5 && ratio > 1 / 1.5
    }
  }
}
