/// Over how long the miners of a gateway that goes away are to come back, so that they don't come all at
/// once where they go.
package enum Farewell {
  private static let returnsPerSecond = 1_000
  private static let leastMilliseconds = 1_000

  /// A second for each thousand connections; but half of the lease at most, since whoever is away for
  /// longer than what its last heartbeat leaves of it counts as offline.
  package static func spreadMilliseconds(connections: Int, leaseMilliseconds: Int) -> Int {
    let wanted = connections * 1_000 / returnsPerSecond
    return max(leastMilliseconds, min(wanted, leaseMilliseconds / 2))
  }
}
