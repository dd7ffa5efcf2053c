/// Sets of miners for sizes as memory is sold: who has so much at least. A size between two of them
/// is found by the lower one's set and its miners' own numbers.
struct SizeTiers {
  static let vramGB: [Double] = [4, 6, 8, 10, 12, 16, 20, 24, 32, 40, 48, 80, 128, 192]
  static let ramGB: [Double] = [8, 16, 32, 64, 128, 256, 512, 1_024]

  let sizes: [Double]
  /// By number in the pool.
  let sets: [UInt32]

  init(_ sizes: [Double], _ pool: inout SetPool, _ memory: BlockMemory) {
    self.sizes = sizes
    sets = sizes.map { _ in pool.take(memory) }
  }

  /// Writes one miner's bit into every tier for which its size counts otherwise than before.
  func set(
    _ bit: UInt64, in block: Int, from old: Double, to new: Double, _ pool: SetPool
  ) {
    for tier in sizes.indices where (old >= sizes[tier]) != (new >= sizes[tier]) {
      pool[sets[tier]].set(bit, in: block, to: new >= sizes[tier])
    }
  }

  /// Writes a block's miners into the tiers, none of which holds any of them.
  @inline(__always)
  func fill(
    _ block: Int, _ occupied: UInt64, _ lines: Column<MinerLine>,
    _ size: (MinerLine) -> Double, _ pool: SetPool
  ) {
    for tier in sizes.indices {
      let least = sizes[tier]
      var word: UInt64 = 0
      for place in 0..<64 where size(lines[block * 64 + place]) >= least {
        word |= 1 << UInt64(place)
      }
      word &= occupied
      if word == 0 { return }
      pool[sets[tier]].insert(word, in: block)
    }
  }

  /// The highest tier that all are in who have `least`; nil below the lowest.
  func tier(atMost least: Double) -> Int? { sizes.lastIndex { $0 <= least } }
}
