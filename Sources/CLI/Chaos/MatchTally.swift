/// How matches went, over all and by fault. Pure.
package struct MatchTally: Sendable {
  package struct Counts: Equatable, Sendable {
    package var sent = 0
    package var answered = 0
    /// 503: asked to come again.
    package var refused = 0
    /// Anything else, and no answer at all.
    package var failed = 0
    /// The longest time in which some were outstanding and none was answered.
    package var longestGap = Duration.zero

    package init() {}

    /// Of those that ended; 1 when none did.
    package var answeredShare: Double {
      let ended = answered + refused + failed
      return ended == 0 ? 1 : Double(answered) / Double(ended)
    }
  }

  package private(set) var all = Counts()
  /// A match belongs to the fault in whose time it ended.
  package private(set) var byFault: [Fault: Counts] = [:]
  package private(set) var unexpectedStatuses: [Int: Int] = [:]
  package var fault: Fault?

  private var outstanding = 0
  /// Since when some are outstanding and none was answered.
  private var quietSince: ContinuousClock.Instant?

  package init() {}

  package mutating func sent(at now: ContinuousClock.Instant) {
    outstanding += 1
    if quietSince == nil { quietSince = now }
    count { $0.sent += 1 }
  }

  /// - Parameter status: nil when there was no answer.
  package mutating func ended(status: Int?, at now: ContinuousClock.Instant) {
    outstanding -= 1
    let gap = quietSince.map { now - $0 } ?? .zero
    count { counts in
      switch status {
      case 200: counts.answered += 1
      case 503: counts.refused += 1
      default: counts.failed += 1
      }
      counts.longestGap = max(counts.longestGap, gap)
    }
    if let status, status != 200, status != 503 { unexpectedStatuses[status, default: 0] += 1 }
    if outstanding == 0 { quietSince = nil } else if status == 200 { quietSince = now }
  }

  private mutating func count(_ change: (inout Counts) -> Void) {
    change(&all)
    if let fault { change(&byFault[fault, default: Counts()]) }
  }
}
