/// Counts what would flood the log, and says now and then how often it came.
package struct SparseCount: Sendable {
  private static let intervalMicroseconds: Int64 = 10_000_000

  private var unsaid = 0
  private var nextLine = Int64.min

  package init() {}

  /// - Parameter now: in microseconds of a clock that only goes forward.
  /// - Returns: how many to speak of; nil when it is too early, or there is nothing to say.
  package mutating func add(_ count: Int, now: Int64) -> Int? {
    unsaid += count
    guard nextLine <= now, unsaid > 0 else { return nil }
    nextLine = now + Self.intervalMicroseconds
    defer { unsaid = 0 }
    return unsaid
  }
}
