import Logging
import ServiceLifecycle

/// Appends durable changes that were left in the outbox, by a crash or an outage of Redis, and deletes
/// them there. Any number of sweepers may run: what two of them append is applied twice with no harm.
package struct OutboxSweeper: Service {
  package struct Options: Sendable {
    package var intervalMilliseconds = 500
    /// How often it looks whether Redis is back.
    package var outageIntervalMilliseconds = 100
    /// A younger row is still in the hands of who wrote it.
    package var olderThanMilliseconds = 1_000
    package var rowsPerRound = 1_000

    package init() {}
  }

  private let outbox: any OutboxStore
  private let writer: ChangeWriter
  private let options: Options
  private let logger: Logger

  package init(
    outbox: any OutboxStore, writer: ChangeWriter, options: Options = Options(), logger: Logger
  ) {
    self.outbox = outbox
    self.writer = writer
    self.options = options
    self.logger = logger
  }

  package func run() async throws {
    await cancelWhenGracefulShutdown {
      var outcome = Outcome.swept
      while !Task.isCancelled {
        outcome = await round(after: outcome)
        let isOutage = outcome == .redisIsAway
        let wait = isOutage ? options.outageIntervalMilliseconds : options.intervalMilliseconds
        try? await Task.sleep(for: .milliseconds(wait))
      }
    }
  }

  package enum Outcome: Sendable { case swept, redisIsAway, outboxIsAway }

  /// One look at the outbox, knowing what became of the one before.
  package func round(after previous: Outcome) async -> Outcome {
    if await writer.check() != nil { return .redisIsAway }
    do {
      // What waited for Redis to come back need not grow older first.
      let age = previous == .redisIsAway ? 0 : options.olderThanMilliseconds
      try await sweep(olderThanMilliseconds: age)
      return .swept
    } catch {
      if previous != .outboxIsAway {
        logger.warning("the outbox cannot be swept", metadata: ["reason": "\(error)"])
      }
      return .outboxIsAway
    }
  }

  /// Appends all left-overs of that age, a bounded number at a time.
  /// - Returns: how many it brought to the stream.
  @discardableResult
  package func sweep(olderThanMilliseconds: Int) async throws -> Int {
    var total = 0
    while !Task.isCancelled {
      let rows = try await outbox.leftovers(
        olderThanMilliseconds: olderThanMilliseconds, limit: options.rowsPerRound)
      if rows.isEmpty { break }
      guard await writer.appendEncoded(rows.map(\.payload)) != nil else { break }
      try await outbox.delete(ids: rows.map(\.id))
      total += rows.count
      if rows.count < options.rowsPerRound { break }
    }
    return total
  }
}
