import CVector
import Domain

// The bounds: for each block the most that the linear part of a score (price, latency, trust and
// load, by their shares) comes to for any of its open miners, at each cap of the grid, with no cap
// in force (`freeLane`) and with ranked prices (`rankLane`). Kept less the region's slack.
extension BlockIndex {
  /// A bound that nobody reaches. Finite, so that no sum or product with it is NaN.
  @inline(__always)
  static var nobody: SIMD16<Float> { SIMD16(repeating: -1e30) }
  /// More than all rounding of bounds comes to: what is computed in single precision are some ten
  /// sums and products of numbers up to 2, each off by 2⁻²³ of them at most.
  static let margin: Float = 8e-6
  /// A region's slack from which all its bounds are written anew.
  static let greatestSlack: Float = 1

  @inline(__always)
  func linearParts(
    _ line: MinerLine, _ region: UnsafePointer<RegionRow>
  ) -> SIMD16<Float> {
    if !line.isOpen { return Self.nobody }
    let latency =
      line.latencyBucket < 0
      ? Score.unknownLatency : 1 - region.pointee.latencies.rank(Int(line.latencyBucket))
    let load = 1 - Double(line.taken) / Double(line.slots)
    let rest =
      shares.price + shares.latency * latency + shares.trust * line.trust + shares.load * load
    let ranked = rest - shares.price * region.pointee.prices.rank(Int(line.priceBucket))
    let parts = linear_lanes(
      grid.inverse, grid.limit, Float(line.price), Float(shares.price), Float(rest), Float(ranked),
      Self.nobody[0])
    return parts - Self.slack(region)
  }

  @inline(__always)
  static func slack(_ region: UnsafePointer<RegionRow>) -> SIMD16<Float> {
    var slack = SIMD16<Float>(repeating: region.pointee.latencySlack)
    slack[CapGrid.rankLane] += region.pointee.priceSlack
    return slack
  }

  /// Makes a block's bounds those of its miners as they are.
  mutating func computeBounds(of block: Int) {
    let region = regionRow(of: block)
    var parts = Self.nobody
    var bits = blocks[block].open
    while bits != 0 {
      let slot = block * 64 + bits.trailingZeroBitCount
      bits &= bits &- 1
      parts = greater_lanes(parts, linearParts(lines[slot], region))
    }
    setBounds(of: block, to: parts)
    blocks[block].slack = region.pointee.latencySlack + region.pointee.priceSlack
    blocks[block].isLoose = false
    let superblock = Int(blocks[block].superblock)
    superbounds[superblock] = greater_lanes(superbounds[superblock], parts)
    superblocks[superblock].isLoose = true
  }

  /// Writes a block's bounds, in both of their places: those that are others, as each lies in a
  /// cache line of its own.
  ///
  /// - Parameter isNew: what stands there is of another block.
  func setBounds(of block: Int, to parts: SIMD16<Float>, isNew: Bool = false) {
    let held = bounds[block]
    bounds[block] = parts
    let row = superblocks[Int(blocks[block].superblock)]
    var place = laneBounds + Int(row.first) * 16 + (block - Int(row.first))
    for lane in 0..<16 {
      if isNew || parts[lane] != held[lane] { place.pointee = parts[lane] }
      place += Int(row.capacity)
    }
  }

  @inline(__always)
  func regionRow(of block: Int) -> Column<RegionRow> {
    regionRows + Int(blocks[block].region)
  }

  mutating func computeBounds(ofSuperblock superblock: Int) {
    let row = superblocks[superblock]
    var parts = Self.nobody
    for block in Int(row.first)..<Int(row.first) + Int(row.count) {
      parts = greater_lanes(parts, bounds[block])
    }
    superbounds[superblock] = parts
    superblocks[superblock].isLoose = false
  }

  /// Keeps bounds valid when a miner comes to this.
  @inline(__always)
  mutating func raiseBounds(of block: Int, to parts: SIMD16<Float>) {
    let held = bounds[block]
    if any_is_above(parts, held) != 0 {
      setBounds(of: block, to: greater_lanes(held, parts))
      let superblock = Int(blocks[block].superblock)
      superbounds[superblock] = greater_lanes(superbounds[superblock], parts)
    }
  }

  /// Ranks of a region have fallen by so much at most: whatever rests on them may have risen.
  mutating func addSlack(_ number: Int, latency: Double, price: Double) {
    if latency > 0 {
      regionRows[number].latencySlack += Float(shares.latency * latency * 1.000_001 + 1e-7)
    }
    if price > 0 {
      regionRows[number].priceSlack += Float(shares.price * price * 1.000_001 + 1e-7)
    }
    let slack = Self.slack(regionRows + number)
    if slack[CapGrid.rankLane] < Self.greatestSlack { return }
    // Each bound is rounded once more by this.
    let shift = slack + SIMD16(repeating: 2.5e-7)
    regionRows[number].latencySlack = 0
    regionRows[number].priceSlack = 0
    for superblock in regions[number]!.superblocks {
      let row = superblocks[Int(superblock)]
      superbounds[Int(superblock)] += shift
      for block in Int(row.first)..<Int(row.first) + Int(row.count) {
        setBounds(of: block, to: bounds[block] + shift)
        blocks[block].slack -= slack[CapGrid.rankLane]
      }
    }
  }
}
