/// Percentile ranks as `PercentileTable` has them, one look-up each. Only octaves that hold a
/// value take room.
struct RankTable: BitwiseCopyable {
  /// How many values there are.
  private(set) var count = 0
  private(set) var octaves: UInt64 = 0
  /// An octave's place among the ranks, times 64, plus what a bucket's place in it counts: 63,
  /// or 0 where all of an octave share a rank.
  private let steps: Column<Int32>
  private var ranks: Column<Double>
  private var capacity: Int

  init(_ memory: BlockMemory) {
    steps = memory.allocate(Int32.self, count: 64)
    ranks = memory.allocate(Double.self, count: 1)
    capacity = 1
  }

  func free(_ memory: BlockMemory) {
    memory.free(steps)
    memory.free(ranks)
  }

  @inline(__always)
  func rank(_ bucket: Int) -> Double { address(bucket).pointee }

  /// Where a bucket's rank stands.
  @inline(__always)
  func address(_ bucket: Int) -> Column<Double> {
    let step = Int(steps[bucket >> 6])
    return ranks + (step >> 6 + bucket & step & 63)
  }

  /// - Parameter counts: a number of values for each bucket.
  mutating func build(_ counts: Column<UInt32>, _ memory: BlockMemory) {
    octaves = 0
    count = 0
    for octave in 0..<Bucket.octaveCount {
      var sum: UInt32 = 0
      for bucket in octave * 64..<octave * 64 + 64 { sum &+= counts[bucket] }
      if sum > 0 { octaves |= 1 << UInt64(octave) }
      count += Int(sum)
    }
    let needed = octaves.nonzeroBitCount * 64 + 1
    if needed > capacity {
      memory.free(ranks)
      ranks = memory.allocate(Double.self, count: needed)
      capacity = needed
    }
    fill(counts)
  }

  private func fill(_ counts: Column<UInt32>) {
    let divisor = Double(max(1, count - 1))
    var lower = 0
    var place = 0
    for octave in 0..<Bucket.octaveCount {
      let isHeld = octaves >> UInt64(octave) & 1 == 1
      steps[octave] = Int32(place * 64 + (isHeld ? 63 : 0))
      ranks[place] = min(1, Double(lower) / divisor)
      if !isHeld { continue }
      for bucket in octave * 64..<octave * 64 + 64 {
        ranks[place] = min(1, Double(lower) / divisor)
        lower += Int(counts[bucket])
        place += 1
      }
      // What follows, if only values that aren't the table's own.
      ranks[place] = min(1, Double(lower) / divisor)
    }
  }

  /// How much lower a rank has become at most, by a table for one that was before it.
  func greatestFall(from old: RankTable) -> Double {
    var greatest = 0.0
    let either = octaves | old.octaves
    for octave in 0..<Bucket.octaveCount {
      let isHeld = either >> UInt64(octave) & 1 == 1
      for bucket in octave * 64..<octave * 64 + (isHeld ? 64 : 1) {
        greatest = max(greatest, old.rank(bucket) - rank(bucket))
      }
    }
    return greatest
  }
}
