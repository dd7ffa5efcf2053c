import CVector

/// Comparisons of many numbers at once.
enum Lanes {
  /// One bit for each of the 64 numbers at `column`: whether it is at least `least`. All of them
  /// are below 2¹⁵.
  @inline(__always)
  static func atLeast(_ least: UInt16, _ column: Column<UInt16>) -> UInt64 {
    at_least_16(column, least)
  }

  /// Whether each is at most `most`.
  @inline(__always)
  static func atMost(_ most: UInt16, _ column: Column<UInt16>) -> UInt64 {
    ~atLeast(most + 1, column)
  }

  @inline(__always)
  static func greater(_ left: SIMD16<Float>, _ right: SIMD16<Float>) -> SIMD16<Float> {
    select(right .> left, right, left)
  }

  /// Lane by lane `yes` where the mask holds, else `no`.
  @inline(__always)
  static func select(
    _ mask: SIMDMask<SIMD16<Int32>>, _ yes: SIMD16<Float>, _ no: SIMD16<Float>
  ) -> SIMD16<Float> {
    let chosen = unsafeBitCast(mask, to: SIMD16<UInt32>.self)
    return unsafeBitCast(
      unsafeBitCast(yes, to: SIMD16<UInt32>.self) & chosen
        | unsafeBitCast(no, to: SIMD16<UInt32>.self) & ~chosen, to: SIMD16<Float>.self)
  }

  @inline(__always)
  static func anyHolds(_ mask: SIMDMask<SIMD16<Int32>>) -> Bool {
    let all = unsafeBitCast(mask, to: SIMD8<UInt64>.self)
    let four = all.lowHalf | all.highHalf
    let two = four.lowHalf | four.highHalf
    return two.x | two.y != 0
  }
}
