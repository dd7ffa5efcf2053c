/// How often miners are told to speak, so that the fleet's heartbeats stay within what gateways bear.
package struct HeartbeatPacing: Equatable, Sendable {
  /// The part of `nextSeconds` by which a slowed fleet's miners are told different times, so that they
  /// don't all speak at once.
  private static let jitter = 0.1

  /// To the next heartbeat, of the fleet on the whole.
  package var nextSeconds: Double
  /// Online for this long after each; answered as `lease_ttl_sec`.
  package var leaseSeconds: Double
  /// The shortest that anybody is told.
  private var leastSeconds: Double

  /// A third of the configured lease, or longer when `onlineMiners` would pass the gateways' rate;
  /// the lease is then three of those.
  package init(leaseSeconds: Int, onlineMiners: Int, gateways: Int, heartbeatsPerSecond: Int) {
    let rate = Double(heartbeatsPerSecond) * Double(max(1, gateways))
    let third = Double(leaseSeconds) / 3
    // Rounded down to milliseconds: three of them never pass a lease that they should fit in.
    nextSeconds = Self.wholeMilliseconds(max(third, Double(onlineMiners) / rate))
    leastSeconds = Self.wholeMilliseconds(third)
    self.leaseSeconds = max(Double(leaseSeconds), 3 * nextSeconds)
  }

  /// Both are whole milliseconds, but for what binary floating point makes of them.
  package var leaseMilliseconds: UInt32 {
    UInt32(min((leaseSeconds * 1_000).rounded(), 4_000_000_000))
  }

  /// The time to tell one miner: around `nextSeconds` where the fleet is slowed down, never below what a
  /// small fleet is told; the lease has room for all of them.
  /// - Parameter unit: evenly drawn from [0, 1).
  package func toldSeconds(unit: Double) -> Double {
    if nextSeconds <= leastSeconds { return nextSeconds }
    return max(
      leastSeconds, Self.wholeMilliseconds(nextSeconds * (1 + Self.jitter * (unit - 0.5))))
  }

  /// The times to tell `count` miners, all different, or the one that all are told.
  package func spread(over count: Int) -> [Double] {
    if nextSeconds <= leastSeconds { return [nextSeconds] }
    return (0..<count).map { toldSeconds(unit: (Double($0) + 0.5) / Double(count)) }
  }

  private static func wholeMilliseconds(_ seconds: Double) -> Double {
    (seconds * 1_000).rounded(.down) / 1_000
  }
}
