import CVector
import Domain

// Who stands beside whom. Within a region miners go by memory into classes, by price into a class's
// bands, and within a band by the parts of their score that last. So what a block's miners come to
// is nearly the same at any cap, a search passes by whole superblocks whose miners are too small,
// and the blocks looked at first are those that win. Order changes no answer.

/// The order that a region's miners are to stand in, in the making.
struct RegionOrder {
  let region: Int
  /// Where they stand now.
  let superblocks: [UInt32]
  /// Rows.
  fileprivate(set) var members: [UInt32] = []
  fileprivate(set) var bands = MinerBands()
  /// For each member the band, how far the rating is below the best there can be, and the row.
  fileprivate(set) var keys = KeySort()
  /// What is to stand in each block.
  fileprivate(set) var stands: [Stand] = []

  fileprivate enum Step { case gathering, keying, sorting, done }
  fileprivate var step = Step.gathering
  fileprivate var next = 0

  init(region: Int, superblocks: [UInt32]) {
    self.region = region
    self.superblocks = superblocks
  }

  /// A range of an order, of one band.
  struct Stand {
    var range: Range<Int>
    var band: Int
    /// How many blocks of its band are better.
    var rank: Int
    /// How many superblocks of its class are better.
    var turn = 0
  }

  static func row(ofKey key: UInt64) -> Int { Int(key & 0xFFFF_FFFF) }
  fileprivate static func band(ofKey key: UInt64) -> Int { Int(key >> 58) }
}

extension BlockIndex {
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

  /// Goes on with an order, by some `budget` miners or a superblock of them. Who leaves the region
  /// meanwhile stays in the order; who comes isn't in it.
  ///
  /// - Returns: whether its stands are known now.
  func advance(_ order: inout RegionOrder, budget: Int) -> Bool {
    switch order.step {
    case .gathering:
      var left = budget
      while left > 0 && order.next < order.superblocks.count {
        left -= gather(Int(order.superblocks[order.next]), into: &order.members)
        order.next += 1
      }
      if order.next < order.superblocks.count { break }
      order.bands = bands(of: order.members, isHasty: budget < order.members.count)
      order.keys = KeySort(capacity: order.members.count)
      order.step = .keying
      order.next = 0
    case .keying:
      let end = min(order.members.count, order.next + min(budget, order.members.count))
      for place in order.next..<end {
        fetchAhead(order.members, place)
        order.keys.append(key(ofRow: order.members[place], order.bands, regionRows + order.region))
      }
      order.next = end
      if end == order.members.count { order.step = .sorting }
    case .sorting:
      if !order.keys.advance(budget) { break }
      order.stands = stands(order.keys.keys, order.bands)
      order.step = .done
    case .done: break
    }
    return order.step == .done
  }

  /// - Returns: how many there are.
  private func gather(_ superblock: Int, into members: inout [UInt32]) -> Int {
    let row = superblocks[superblock]
    let before = members.count
    for block in Int(row.first)..<Int(row.first) + Int(row.count) {
      var bits = blocks[block].occupied
      while bits != 0 {
        members.append(lines[block * 64 + bits.trailingZeroBitCount].row)
        bits &= bits &- 1
      }
    }
    return members.count - before
  }

  /// Asks for the rows of members that come soon, and for the lines of those that come sooner.
  @inline(__always)
  private func fetchAhead(_ members: [UInt32], _ place: Int) {
    if place + 32 < members.count { prefetch(rows + Int(members[place + 32])) }
    if place + 16 < members.count {
      prefetch(lines + Int(rows[Int(members[place + 16])].slot))
    }
  }

  private func key(ofRow row: UInt32, _ bands: MinerBands, _ region: Column<RegionRow>) -> UInt64 {
    let line = lines + Int(rows[Int(row)].slot)
    let lack = UInt64(max(0, 1 - rating(line, region)) * 0x3FF_0000)
    return UInt64(bands.number(of: line)) << 58 | lack << 32 | UInt64(row)
  }

  /// Classes that are worth a superblock or more, and in each of them bands of about as many miners.
  ///
  /// - Parameter isHasty: others wait.
  private func bands(of members: [UInt32], isHasty: Bool) -> MinerBands {
    let step = max(1, members.count / (isHasty ? 4_096 : 16_384))
    let sample = stride(from: 0, to: members.count, by: step).map {
      lines + Int(rows[Int(members[$0])].slot)
    }
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

  /// Cuts an order into blocks. The best of all bands of a class come first, then those that are
  /// next: so a superblock holds blocks that are about as good, and what is good is in few of them.
  private func stands(_ order: [UInt64], _ bands: MinerBands) -> [RegionOrder.Stand] {
    var stands: [RegionOrder.Stand] = []
    var start = 0
    for number in 0..<bands.classCount {
      let range = bands.range(ofClass: number)
      let together = max(1, 64 / range.count)
      let first = stands.count
      while start < order.count && range.contains(RegionOrder.band(ofKey: order[start])) {
        let band = RegionOrder.band(ofKey: order[start])
        var end = start
        while end < order.count && end < start + 64 && RegionOrder.band(ofKey: order[end]) == band {
          end += 1
        }
        let rank = stands.last?.band == band ? stands.last!.rank + 1 : 0
        stands.append(
          RegionOrder.Stand(
            range: start..<end, band: band, rank: rank, turn: rank / together))
        start = end
      }
      stands[first...].sort { ($0.turn, $0.band, $0.rank) < ($1.turn, $1.band, $1.rank) }
    }
    return stands
  }
}
