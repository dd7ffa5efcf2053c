import Glibc

/// The same numbers for the same seed, on every machine: SplitMix64 (Steele, Lea, Flood: «Fast
/// splittable pseudorandom number generators», 2014).
package struct SeededRandom: RandomNumberGenerator, Sendable {
  private var state: UInt64

  package init(seed: UInt64) { state = seed }

  /// A stream of its own for part `index` of what `seed` stands for.
  package init(seed: UInt64, index: Int) {
    var mixer = SeededRandom(seed: seed &+ 0x6A09_E667_F3BC_C909)
    let base = mixer.next()
    mixer = SeededRandom(seed: base ^ (UInt64(truncatingIfNeeded: index) &* 0xD6E8_FEB8_6659_FD93))
    self.init(seed: mixer.next())
  }

  package mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var mixed = state
    mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
    mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
    return mixed ^ (mixed >> 31)
  }

  /// Evenly in [0, 1).
  package mutating func unit() -> Double { Double(next() >> 11) * 0x1p-53 }

  package mutating func chance(_ probability: Double) -> Bool { unit() < probability }

  /// Standard normal, by Box and Muller.
  package mutating func normal() -> Double {
    let radius = (-2 * log(1 - unit())).squareRoot()
    return radius * cos(2 * .pi * unit())
  }

  /// Log-normal with this median; `spread` is the standard deviation of the logarithm.
  package mutating func logNormal(median: Double, spread: Double) -> Double {
    median * exp(spread * normal())
  }

  /// Exponential with this mean.
  package mutating func exponential(mean: Double) -> Double { -mean * log(1 - unit()) }

  /// A place in `weights`, each as likely as its weight says.
  package mutating func index(weights: [Double]) -> Int {
    var rest = unit() * weights.reduce(0, +)
    for (index, weight) in weights.enumerated() {
      rest -= weight
      if rest < 0 { return index }
    }
    return weights.count - 1
  }
}
