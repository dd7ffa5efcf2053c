import Domain
import Logging
import Redis
import ServiceLifecycle

/// Removes from Redis what has no more use: statuses of miners that left the live registry, not-before
/// times that are older than any token. A small step at a time; any number of them may run.
package struct StaleStateSweeper: Service {
  package struct Options: Sendable {
    /// Between two steps, each of which looks at about a thousand statuses.
    package var stepIntervalMilliseconds = 500
    /// How long after its lease's end a status is kept.
    package var graceMilliseconds: Int64
    package var stepsPerRevocationSweep = 120

    package init(graceMilliseconds: Int64) { self.graceMilliseconds = graceMilliseconds }
  }

  private let liveStatus: RedisLiveStatusStore
  private let revocations: RedisRevocationStore
  private let options: Options
  private let now: @Sendable () -> Timestamp

  package init(
    liveStatus: RedisLiveStatusStore, revocations: RedisRevocationStore, options: Options,
    now: @escaping @Sendable () -> Timestamp
  ) {
    self.liveStatus = liveStatus
    self.revocations = revocations
    self.options = options
    self.now = now
  }

  package func run() async throws {
    await cancelWhenGracefulShutdown {
      var place = RedisLiveStatusStore.SweepPlace()
      var step = 0
      while !Task.isCancelled {
        // An outage needs no word here: the next step goes on from the same place.
        _ = try? await liveStatus.sweep(
          now: now(), olderThanMilliseconds: options.graceMilliseconds, from: &place)
        if step.isMultiple(of: options.stepsPerRevocationSweep) {
          _ = try? await revocations.sweep(now: now())
        }
        step += 1
        try? await Task.sleep(for: .milliseconds(options.stepIntervalMilliseconds))
      }
    }
  }
}
