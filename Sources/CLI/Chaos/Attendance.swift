import Domain

/// When each miner gave its last sign of life, as far as the hub can have heard it: what says whether a
/// candidate should have been left out. Pure.
package struct Attendance: Sendable {
  /// What a hub may take longer to notice an end than its lease.
  private static let slackMilliseconds: Int64 = 1_000
  /// A scorer's lease clock stands still for two seconds more once the stream is back.
  private static let resumeMilliseconds: Int64 = 3_000
  /// Signs that were on their way when a gateway was stopped.
  private static let flightMilliseconds: Int64 = 500

  private let gateways: Int
  private let leaseMilliseconds: Int64
  /// The last sign through each gateway.
  private var signs: [String: [Timestamp]] = [:]
  private var clocksStandUntil: Timestamp = .distantPast

  package init(gateways: Int, leaseMilliseconds: Int64) {
    self.gateways = gateways
    self.leaseMilliseconds = leaseMilliseconds
  }

  package mutating func sign(of minerID: String, through gateway: Int, at time: Timestamp) {
    var own = signs[minerID] ?? Array(repeating: .distantPast, count: gateways)
    own[gateway] = max(own[gateway], time)
    signs[minerID] = own
  }

  /// What was sent to a stopped gateway is heard when it goes on.
  package mutating func resumed(gateway: Int, stoppedAt: Timestamp, now: Timestamp) {
    let start = stoppedAt.advanced(byMilliseconds: -Self.flightMilliseconds)
    for (minerID, own) in signs where own[gateway] >= start { signs[minerID]?[gateway] = now }
  }

  package mutating func leaseClocksMayStandStill(_ mayStand: Bool, at now: Timestamp) {
    clocksStandUntil =
      mayStand
      ? Timestamp(milliseconds: .max) : now.advanced(byMilliseconds: Self.resumeMilliseconds)
  }

  /// Whether no match asked at `time` may hold this miner.
  package func isStale(_ minerID: String, at time: Timestamp) -> Bool {
    if time < clocksStandUntil { return false }
    // Whoever was never heard of is no candidate either.
    guard let last = signs[minerID]?.max() else { return true }
    return time.milliseconds(since: last) > leaseMilliseconds + Self.slackMilliseconds
  }
}
