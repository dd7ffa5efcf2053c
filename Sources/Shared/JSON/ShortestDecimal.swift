/// The decimal of fewest digits that reads back as a double, and of those the nearest to it: what the double's
/// `description` says, in half the time, for the numbers that answers are full of.
///
/// Taken times 10^13 to 10^19, the double and the middles between it and its neighbours are whole numbers of 128 bits
/// over a power of two. So each step is exact and needs no table: of the decimals between the middles, the one with
/// the most zeros at its end is the shortest.
///
/// Source: what is looked for is in Steele and White, "How to Print Floating-Point Numbers Accurately", PLDI 1990.
struct ShortestDecimal {
  /// Enough to tell each double from all others.
  static let digitCount = 17

  /// 17 of them, the first no 0, in units of 10^(`pointPlace` - 17).
  private(set) var digits: UInt64
  /// How many of `digits` stand before the point; below 0, how many zeros stand between the point and them.
  let pointPlace: Int
  /// At the end of `digits`.
  private(set) var trailingZeros = 0

  /// - Returns: nil for what is left to `description`: all but 0.001 to 10,000, whole numbers, powers of two, whose
  ///   neighbours are not equally far, and what two decimals are equally near to.
  init?(_ value: Double) {
    guard value >= 0.001, value < 10_000, value.significandBitPattern != 0 else { return nil }
    let scale: UInt64
    if value < 1 {
      (pointPlace, scale) =
        value >= 0.1
        ? (0, 100_000_000_000_000_000)
        : value >= 0.01 ? (-1, 1_000_000_000_000_000_000) : (-2, 10_000_000_000_000_000_000)
    } else if value < 100 {
      (pointPlace, scale) = value < 10 ? (1, 10_000_000_000_000_000) : (2, 1_000_000_000_000_000)
    } else {
      (pointPlace, scale) = value < 1_000 ? (3, 100_000_000_000_000) : (4, 10_000_000_000_000)
    }
    // 39 to 62.
    let shift = UInt64(1075 - value.exponentBitPattern)
    let (high, low) = scale.multipliedFullWidth(by: value.significandBitPattern | 1 << 52)
    let (lowLess, borrow) = low.subtractingReportingOverflow(scale / 2)
    let (lowMore, carry) = low.addingReportingOverflow(scale / 2)
    func whole(_ high: UInt64, _ low: UInt64) -> UInt64 {
      high &<< (64 &- shift) | low &>> shift
    }
    // The middles have too few twos to be whole themselves.
    var first = whole(borrow ? high &- 1 : high, lowLess) &+ 1
    var last = whole(carry ? high &+ 1 : high, lowMore)
    let exact = whole(high, low)
    var (below, step) = (exact, UInt64(1))
    while (first &+ 9) / 10 <= last / 10 {
      (first, last, below) = ((first &+ 9) / 10, last / 10, below / 10)
      step &*= 10
      trailingZeros &+= 1
    }
    below &*= step
    // What is left of the double, beside half a step: both twice, with the part behind the whole.
    let rest = 2 &* (exact &- below) | (low &>> (shift &- 1)) & 1
    let isMore = low &<< (65 &- shift) != 0
    guard rest != step || isMore, Self.digitCount - trailingZeros > pointPlace else { return nil }
    digits = rest >= step ? below &+ step : below
  }

  /// The eight digits of `number`, below 10^8, the first in the lowest byte: halves, then quarters, then digits are
  /// parted from each other side by side in one word.
  ///
  /// Source for the reciprocals: Granlund and Montgomery, "Division by Invariant Integers using Multiplication",
  /// PLDI 1994; tests go through all that each may meet.
  @inline(__always)
  static func eight(_ number: UInt64) -> UInt64 {
    // Fours of digits in 32 bits each, pairs in 16, single ones in 8.
    let fours = number / 10_000 | (number % 10_000) &<< 32
    let hundreds = (fours &* 5_243) &>> 19 & 0x0000_007F_0000_007F
    let pairs = hundreds | (fours &- hundreds &* 100) &<< 16
    let tens = (pairs &* 103) &>> 10 & 0x000F_000F_000F_000F
    return (tens | (pairs &- tens &* 10) &<< 8) | 0x3030_3030_3030_3030
  }
}
