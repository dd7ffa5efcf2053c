import Domain
import Logging
import Redis
import ServiceLifecycle
import Synchronization

/// The one way to write to the change stream. Signs of life are coalesced per miner and written every few
/// milliseconds; what somebody waits for is written at once, together with all that is pending.
///
/// With Redis away nobody waits for it: durable changes stay in the outbox, where the sweeper finds them,
/// and statuses wait here, one slot a miner.
package final class ChangeWriter: Service {
  package struct Options: Sendable {
    package var flushIntervalMilliseconds = 20
    /// About how many entries the stream keeps.
    package var streamEntryCap = 16_384
    /// More changes than this become several entries.
    package var changesPerEntry = 8_192
    /// The longest that a caller waits for its flush.
    package var appendDeadlineMilliseconds = 1_000
    /// The longest that the end waits for the last flush.
    package var shutdownFlushMilliseconds = 2_000

    package init() {}
  }

  /// Counts since the start, but for what is pending now.
  package struct Counters: Equatable, Sendable {
    package var flushes = 0
    package var failures = 0
    package var entries = 0
    package var changes = 0
    /// Changes given up because too many waited that no outbox knows of.
    package var dropped = 0
    package var pendingStatuses = 0
    package var pendingChanges = 0

    package init() {}
  }

  private let flusher: ChangeFlush
  private let client: RedisClient
  private let keys: RedisKeys
  private let eraser: OutboxEraser?
  private let options: Options
  private let logger: Logger
  private let state = Mutex(ChangeWriterState())

  /// - Parameter outbox: where the rows of appended changes are deleted; nil: nowhere.
  package init(
    client: RedisClient, keys: RedisKeys, liveStatus: RedisLiveStatusStore,
    outbox: (any OutboxStore)?, options: Options = Options(), logger: Logger
  ) {
    self.client = client
    self.keys = keys
    self.options = options
    self.logger = logger
    flusher = ChangeFlush(
      client: client, keys: keys, liveStatus: liveStatus, streamEntryCap: options.streamEntryCap,
      changesPerEntry: options.changesPerEntry)
    eraser = outbox.map { OutboxEraser(outbox: $0) }
  }

  // MARK: For callers

  /// Takes in a sign of life, to be written with the next flush. Never waits.
  package func note(_ id: MinerID, _ patch: StatusPatch) {
    state.withLock { $0.pending.note(id, patch) }
  }

  /// Takes in a change that no outbox knows of, to be written with the next flush. Never waits.
  package func post(_ change: Change) {
    state.withLock { $0.pending.append(.init(changes: [change], outboxIDs: [])) }
  }

  /// Takes in a sign of life and waits until the next flush has written it. There may be thousands a
  /// second, so none of them makes a flush of its own.
  /// - Returns: as `append`.
  package func noteAndWait(_ id: MinerID, _ patch: StatusPatch) async -> StreamID? {
    await wait(deadlineMilliseconds: options.appendDeadlineMilliseconds, flushes: false) {
      $0.note(id, patch)
    }
  }

  /// Writes changes at once, together with all that is pending.
  ///
  /// - Parameters:
  ///   - outboxIDs: the changes' rows in the outbox, deleted once they are in the stream. Changes without
  ///     any are kept here while Redis is away.
  ///   - statuses: signs of life that belong with them.
  /// - Returns: an id in the stream, up to which a reader has seen all of it; nil when Redis was out of
  ///   reach or too slow. Nothing that was acknowledged is lost by that.
  package func append(
    _ changes: [Change], outboxIDs: [Int64] = [], statuses: [(MinerID, StatusPatch)] = []
  ) async -> StreamID? {
    await wait(deadlineMilliseconds: options.appendDeadlineMilliseconds, flushes: true) { pending in
      pending.append(.init(changes: changes, outboxIDs: outboxIDs))
      for (id, patch) in statuses { pending.note(id, patch) }
    }
  }

  /// Writes entries that are encoded already, each as one.
  /// - Returns: the last one's id; nil when not all of them are known to be in the stream.
  package func appendEncoded(_ payloads: [[UInt8]]) async -> StreamID? {
    do throws(RedisError) {
      let id = try await flusher.append(payloads: payloads)
      state.withLock { state in
        state.counters.entries += payloads.count
        state.counters.changes += payloads.count
      }
      return id
    } catch {
      state.withLock { $0.counters.failures += 1 }
      return nil
    }
  }

  /// - Returns: nil while Redis answers and takes writes, else a short reason.
  package func check() async -> String? { await client.check(keys) }

  package var counters: Counters {
    state.withLock { state in
      var counters = state.counters
      counters.pendingStatuses = state.pending.statuses.count
      counters.pendingChanges = state.pending.items.reduce(0) { $0 + $1.changes.count }
      return counters
    }
  }

  /// Flushes every few milliseconds until shutdown, and a last time then.
  package func run() async throws {
    await cancelWhenGracefulShutdown {
      while !Task.isCancelled {
        self.flushIfQuiet()
        try? await Task.sleep(for: .milliseconds(self.options.flushIntervalMilliseconds))
      }
    }
    if state.withLock({ $0.isIdle }) { return }
    let id = await wait(
      deadlineMilliseconds: options.shutdownFlushMilliseconds, flushes: true
    ) { _ in }
    if id == nil {
      logger.warning(
        "the last signs of life could not be written",
        metadata: ["miners": "\(counters.pendingStatuses)"])
    }
  }

  // MARK: Flushing

  private func flushIfQuiet() {
    let starts = state.withLock { state in
      state.isQuiet(at: .now) ? false : state.requestFlush()
    }
    if starts { Task { await self.flushWhileRequested() } }
  }

  /// - Parameter flushes: whether to write at once, or when it is time.
  private func wait(
    deadlineMilliseconds: Int, flushes: Bool, _ add: (inout PendingChanges) -> Void
  ) async -> StreamID? {
    await withCheckedContinuation { continuation in
      let (starts, startsTimer) = state.withLock { state in
        add(&state.pending)
        let startsTimer = state.addWaiter(
          ChangeWriterState.Waiter(
            deadline: .now + .milliseconds(deadlineMilliseconds), continuation: continuation))
        return ((flushes || state.isImpaired) && state.requestFlush(), startsTimer)
      }
      if starts { Task { await self.flushWhileRequested() } }
      if startsTimer { Task { await self.expireWaiters() } }
    }
  }

  private func flushWhileRequested() async {
    while state.withLock({ $0.beginFlush() }) { await flushOnce() }
  }

  private func flushOnce() async {
    if state.withLock({ $0.isImpaired }), await client.check(keys) != nil {
      let waiters = state.withLock { state in
        state.skipFlush()
        return state.takeWaiters(state.takeWaitingForNext())
      }
      for waiter in waiters { waiter.continuation.resume(returning: nil) }
      return
    }
    let (batch, waiting) = state.withLock { state in
      (state.pending.takeAll(), state.takeWaitingForNext())
    }
    let outcome = await flusher.write(batch)
    let (waiters, id) = state.withLock { state -> ([ChangeWriterState.Waiter], StreamID?) in
      state.settle(batch, outcome)
      return (state.takeWaiters(waiting), outcome.isComplete ? state.lastID : nil)
    }
    for waiter in waiters { waiter.continuation.resume(returning: id) }
    if outcome.isComplete, let eraser { eraser.erase(batch.items.flatMap(\.outboxIDs)) }
  }

  /// Answers nil to those who have waited too long, until nobody waits.
  private func expireWaiters() async {
    while true {
      let (expired, next) = state.withLock { $0.takeExpired(at: .now) }
      for waiter in expired { waiter.continuation.resume(returning: nil) }
      guard let next else { return }
      try? await Task.sleep(until: next, clock: .continuous)
    }
  }
}
