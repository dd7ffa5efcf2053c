/// How long to wait before a child that ended is started again: at once at first, then longer and longer
/// while it keeps ending early, and back to the beginning once it has held out for a while.
package struct RestartPolicy: Equatable, Sendable {
  package var firstDelay: Duration
  package var longestDelay: Duration
  /// A run at least this long counts as healthy.
  package var healthyAfter: Duration
  /// Runs in a row that ended before they were healthy.
  package private(set) var earlyEnds = 0

  package init(
    firstDelay: Duration = .milliseconds(100), longestDelay: Duration = .seconds(10),
    healthyAfter: Duration = .seconds(10)
  ) {
    self.firstDelay = firstDelay
    self.longestDelay = longestDelay
    self.healthyAfter = healthyAfter
  }

  /// Takes note of a run that lasted for `uptime`.
  /// - Returns: how long to wait before the next.
  package mutating func delay(afterRunOf uptime: Duration) -> Duration {
    if uptime >= healthyAfter { earlyEnds = 0 }
    defer { earlyEnds += 1 }
    var delay = firstDelay
    for _ in 0..<earlyEnds {
      delay = delay * 2
      if delay >= longestDelay { return longestDelay }
    }
    return min(delay, longestDelay)
  }
}
