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
}
