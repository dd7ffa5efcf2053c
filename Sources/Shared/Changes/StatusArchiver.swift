import Domain
import Logging
import Postgres
import Redis
import ServiceLifecycle
import Synchronization

/// Brings what is live of miners to PostgreSQL, a page at a time, round and round, never on a heartbeat's
/// way: it reads what Redis holds, so it holds nothing itself and costs no heartbeat anything. One
/// process at a time does it for all of them, and another goes on when that one ends.
package final class StatusArchiver: Service {
  package struct Options: Sendable {
    /// At most so many statuses a second, written or found unchanged.
    package var perSecond: Int
    package var pageCount = 500
    /// How long a process has the task without saying so again.
    package var turnMilliseconds = 10_000
    package var idleMilliseconds = 2_000

    package init(perSecond: Int) { self.perSecond = perSecond }
  }

  private let live: RedisLiveStatusStore
  private let store: PostgresStatusStore
  private let name: String
  private let options: Options
  private let logger: Logger
  private let writtenCount = Atomic<Int>(0)

  /// - Parameter name: this process's, unlike all others'.
  package init(
    live: RedisLiveStatusStore, store: PostgresStatusStore, name: String, options: Options,
    logger: Logger
  ) {
    self.live = live
    self.store = store
    self.name = name
    self.options = options
    self.logger = logger
  }

  /// Rows written since the start.
  package var written: Int { writtenCount.load(ordering: .relaxed) }

  package func run() async throws {
    if options.perSecond == 0 { return try await gracefulShutdown() }
    await cancelWhenGracefulShutdown {
      var place = RedisLiveStatusStore.SweepPlace()
      var hasFailed = false
      while !Task.isCancelled {
        var pause = self.options.idleMilliseconds
        do {
          if let count = try await self.step(from: &place) {
            // A page of nothing still was a question.
            pause = max(1, max(count, 10) * 1_000 / self.options.perSecond)
          }
          hasFailed = false
        } catch {
          if !hasFailed {
            self.logger.warning(
              "last known statuses cannot be kept", metadata: ["reason": "\(error)"])
          }
          hasFailed = true
        }
        try? await Task.sleep(for: .milliseconds(pause))
      }
    }
  }

  /// Writes the next page, if it is this process's turn.
  /// - Returns: how many statuses it held; nil when another process has the turn.
  package func step(from place: inout RedisLiveStatusStore.SweepPlace) async throws -> Int? {
    guard
      try await live.claimArchiving(by: name, milliseconds: options.turnMilliseconds)
    else { return nil }
    let page = try await live.page(from: &place, batch: options.pageCount)
    if page.isEmpty { return 0 }
    writtenCount.add(try await store.store(page), ordering: .relaxed)
    return page.count
  }
}
