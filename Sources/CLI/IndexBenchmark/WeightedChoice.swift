import Glibc
import Simulation

/// A place among `weights.count`, each as likely as its weight says; found by halving.
struct WeightedChoice: Sendable {
  private let sums: [Double]

  /// - Precondition: `weights` isn't empty and none is below 0.
  init(_ weights: [Double]) {
    var sum = 0.0
    sums = weights.map { weight in
      sum += weight
      return sum
    }
  }

  /// Zipf's law: the n-th of `count` is 1/n^`exponent` as likely as the first.
  static func zipf(_ count: Int, exponent: Double) -> WeightedChoice {
    WeightedChoice((1...count).map { 1 / pow(Double($0), exponent) })
  }

  func pick(_ random: inout SeededRandom) -> Int {
    let wanted = random.unit() * sums[sums.count - 1]
    var low = 0
    var high = sums.count - 1
    while low < high {
      let middle = (low + high) / 2
      if sums[middle] <= wanted { low = middle + 1 } else { high = middle }
    }
    return low
  }
}
