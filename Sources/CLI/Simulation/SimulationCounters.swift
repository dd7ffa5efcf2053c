import Synchronization

/// What has happened in a simulation so far.
package final class SimulationCounters: Sendable {
  package struct Snapshot: Sendable {
    package var connected = 0
    package var registrations = 0
    package var heartbeats = 0
    package var reconnects = 0
    /// Registrations and connections that the hub refused or that failed.
    package var failures = 0
    /// Why the latest of them failed.
    package var lastFailure: String?
    package var matches = 0
    /// Matches that found nobody.
    package var emptyMatches = 0
    package var failedMatches = 0
    package var feedbacks = 0
    package var failedFeedbacks = 0
  }

  private let snapshotState = Mutex(Snapshot())
  package let matchLatency = LatencyHistogram()
  package let acknowledgementLatency = LatencyHistogram()

  package init() {}

  package var snapshot: Snapshot { snapshotState.withLock { $0 } }

  func count(_ change: (inout Snapshot) -> Void) { snapshotState.withLock { change(&$0) } }
}
