/// How long to wait before the next attempt: doubling from a floor to a ceiling, with jitter, so that
/// those who lost the same server don't come back all at once.
package struct Backoff: Sendable {
  private let floorMilliseconds: Double
  private let ceilingMilliseconds: Double
  private var nextMilliseconds: Double

  package init(floorMilliseconds: Int, ceilingMilliseconds: Int) {
    self.floorMilliseconds = Double(floorMilliseconds)
    self.ceilingMilliseconds = Double(ceilingMilliseconds)
    nextMilliseconds = Double(floorMilliseconds)
  }

  /// - Parameter random: in [0, 1); it takes up to half of the wait away.
  package mutating func next(random: Double) -> Duration {
    let wait = nextMilliseconds * (1 - random / 2)
    nextMilliseconds = min(nextMilliseconds * 2, ceilingMilliseconds)
    return .microseconds(Int64(wait * 1_000))
  }

  /// After a success.
  package mutating func reset() { nextMilliseconds = floorMilliseconds }
}
