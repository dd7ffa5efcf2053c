import Domain

/// The evidence that was added on one day, of UTC.
package struct DailyEvidence: Equatable, Sendable {
  private static let dayMilliseconds: Int64 = 24 * 60 * 60 * 1_000

  /// Days since 1970-01-01.
  package private(set) var day: Int64
  package private(set) var good: Double
  package private(set) var bad: Double

  package static let none = DailyEvidence(day: 0, good: 0, bad: 0)

  package init(day: Int64, good: Double, bad: Double) {
    self.day = day
    self.good = good
    self.bad = bad
  }

  /// What has been added by `time` on its day. A clock that went backwards brings no day back.
  package func on(_ time: Timestamp) -> DailyEvidence {
    let day = time.milliseconds / Self.dayMilliseconds
    return day > self.day ? DailyEvidence(day: day, good: 0, bad: 0) : self
  }

  package mutating func add(_ weight: Double, for outcome: Outcome, at time: Timestamp) {
    self = on(time)
    switch outcome {
    case .accepted: break
    case .completed: good += weight
    case .failed, .rejected: bad += weight
    }
  }
}

extension TrustRule {
  /// The evidence that a report adds when it is recorded: what its outcome says, a share of it when it is
  /// about no match of this hub, and no more than the day has left for its coordinator and miner.
  ///
  /// - Parameters:
  ///   - pair: what the coordinator has added about this miner.
  ///   - coordinator: what it has added about all miners.
  package func weight(
    of outcome: Outcome, isProven: Bool, at time: Timestamp, pair: DailyEvidence,
    coordinator: DailyEvidence
  ) -> Double {
    let whole = weight(of: outcome) * (isProven ? 1 : unprovenShare)
    let (pair, coordinator) = (pair.on(time), coordinator.on(time))
    let leftOfPair =
      outcome == .completed ? goodPerPairDay - pair.good : badPerPairDay - pair.bad
    let left = min(leftOfPair, coordinatorDay - coordinator.good - coordinator.bad)
    return max(0, min(whole, left))
  }
}
