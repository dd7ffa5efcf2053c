import Domain

/// The time by which leases end. It is the clock's, but stands still while the change stream is out
/// of reach, so that an outage doesn't turn miners offline whose signs of life nobody could hear.
package struct LeaseClock: Sendable {
  private enum State {
    case reachable
    /// Out of reach; the lease time stopped at `stoppedAt`.
    case unreachable(stoppedAt: Timestamp)
    /// In reach again, but what was held back meanwhile may still be on its way.
    case resuming(stoppedAt: Timestamp, until: Timestamp)
  }

  private var state = State.reachable
  private let trustMilliseconds: Int64
  private let resumeGraceMilliseconds: Int64

  /// - Parameters:
  ///   - trustMilliseconds: how far the lease time may fall behind during an outage.
  ///   - resumeGraceMilliseconds: how long it goes on standing still after one.
  package init(trustMilliseconds: Int64, resumeGraceMilliseconds: Int64 = 2_000) {
    self.trustMilliseconds = trustMilliseconds
    self.resumeGraceMilliseconds = resumeGraceMilliseconds
  }

  /// The stream can be read as of `now`. Saying so again changes nothing.
  package mutating func streamReachable(at now: Timestamp) {
    guard case .unreachable = state else { return }
    state = .resuming(
      stoppedAt: leaseTime(at: now),
      until: now.advanced(byMilliseconds: resumeGraceMilliseconds))
  }

  /// The stream can't be read as of `now`. Saying so again changes nothing.
  package mutating func streamUnreachable(at now: Timestamp) {
    if case .unreachable = state { return }
    state = .unreachable(stoppedAt: leaseTime(at: now))
  }

  /// The time to hold leases against at `now`; as `now` grows it never falls.
  package func leaseTime(at now: Timestamp) -> Timestamp {
    switch state {
    case .reachable: now
    case .unreachable(let stopped):
      max(stopped, now.advanced(byMilliseconds: -trustMilliseconds))
    case .resuming(let stopped, let until): now < until ? stopped : now
    }
  }
}
