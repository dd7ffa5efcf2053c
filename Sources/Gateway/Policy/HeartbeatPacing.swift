/// How often miners are told to speak, so that the fleet's heartbeats stay within what gateways bear.
package struct HeartbeatPacing: Equatable, Sendable {
  /// To the next heartbeat; answered as `next_heartbeat_sec`.
  package var nextSeconds: Double
  /// Online for this long after each; answered as `lease_ttl_sec`.
  package var leaseSeconds: Double

  /// A third of the configured lease, or longer when `onlineMiners` would pass the gateways' rate;
  /// the lease is then three of those.
  package init(leaseSeconds: Int, onlineMiners: Int, gateways: Int, heartbeatsPerSecond: Int) {
    let rate = Double(heartbeatsPerSecond) * Double(max(1, gateways))
    let third = Double(leaseSeconds) / 3
    // Rounded down to milliseconds: three of them never pass a lease that they should fit in.
    nextSeconds = (max(third, Double(onlineMiners) / rate) * 1_000).rounded(.down) / 1_000
    self.leaseSeconds = max(Double(leaseSeconds), 3 * nextSeconds)
  }

  /// Both are whole milliseconds, but for what binary floating point makes of them.
  package var leaseMilliseconds: UInt32 {
    UInt32(min((leaseSeconds * 1_000).rounded(), 4_000_000_000))
  }
}
