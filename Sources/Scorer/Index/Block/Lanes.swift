/// Comparisons of many numbers at once. The standard library's vectors compare lane by lane, so
/// whole words are compared here, four numbers each.
enum Lanes {
  private static let each: UInt64 = 0x0001_0001_0001_0001
  private static let tops: UInt64 = 0x8000_8000_8000_8000

  /// One bit for each of the 64 numbers at `column`: whether it is at least `least`. All of them
  /// are below 2¹⁵.
  @inline(__always)
  static func atLeast(_ least: UInt16, _ column: Column<UInt16>) -> UInt64 {
    let words = UnsafeRawPointer(column).assumingMemoryBound(to: UInt64.self)
    let bounds = UInt64(least) &* each
    var result: UInt64 = 0
    for word in 0..<16 {
      // A number's top bit is set first, and lent where the number is less: none borrows from its
      // neighbour.
      let holds = (((UInt64(littleEndian: words[word]) | tops) &- bounds) & tops) >> 15
      // The four bits side by side, uppermost.
      result |= (((holds &* 0x0001_0002_0004_0008) >> 48) & 0xF) << UInt64(4 * word)
    }
    return result
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
