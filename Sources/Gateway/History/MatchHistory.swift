import Domain
import JSON
import Logging
import Postgres
import ServiceLifecycle
import Synchronization

/// Keeps answered matches, to be explained later. A match pays for a lock and an append; all else happens
/// behind it, in batches. What comes faster than is to be kept is left out, and what finds too much
/// waiting is dropped; both are counted: history never slows a match down.
package final class MatchHistory: Service {
  package struct Options: Sendable {
    /// For how many days matches are kept; 0: none is.
    package var days = 7
    /// How many are kept each second.
    package var perSecond = 1_000
    /// How many are kept each day; those of an hour may come at once.
    package var perDay = 500_000
    package var intervalMilliseconds = 100
    /// What may wait while PostgreSQL is away.
    package var waitingLimit = 8_192
    package var waitingByteLimit = 16 * 1024 * 1024

    package init() {}

    var reserveLimit: Double { max(1, Double(perDay) / 24) }
  }

  /// Counts since the start, but for what is waiting now.
  package struct Counters: Equatable, Sendable {
    package var written = 0
    /// Beyond what is to be kept.
    package var leftOut = 0
    /// What should have been kept, and couldn't be.
    package var dropped = 0
    package var waiting = 0

    package init() {}

    mutating func refuse(_ count: Int, _ isLeftOut: Bool) {
      if isLeftOut { leftOut += count } else { dropped += count }
    }
  }

  private static let batchLimit = 500
  private static let tidyIntervalSeconds = 3_600
  private static let tidyRetrySeconds = 10
  private static let retryMilliseconds = 500
  private static let shutdownTries = 4

  private let store: PostgresMatchStore
  private let options: Options
  private let now: @Sendable () -> Timestamp
  private let logger: Logger
  private let state: Mutex<MatchHistoryState>
  /// So that a flood of matches doesn't even lock.
  private let isFull = Atomic<Bool>(false)
  private let unseen = Atomic<Int>(0)

  package init(
    store: PostgresMatchStore, options: Options = Options(),
    now: @Sendable @escaping () -> Timestamp,
    logger: Logger
  ) {
    self.store = store
    self.options = options
    self.now = now
    self.logger = logger
    state = Mutex(MatchHistoryState(options: options))
    if options.days == 0 { isFull.store(true, ordering: .relaxed) }
  }

  package var isKept: Bool { options.days > 0 }

  /// Takes in what was answered. Never waits.
  ///
  /// - Parameters:
  ///   - query: asked for only where it may be kept.
  ///   - body: the answer as it was sent; asked for as the query is.
  package func note(
    coordinator: String, matchID: String, query: @autoclosure () -> MatchQuery,
    body: @autoclosure () -> [UInt8], at now: Timestamp
  ) {
    if isFull.load(ordering: .relaxed) {
      if isKept { unseen.wrappingAdd(1, ordering: .relaxed) }
      return
    }
    let entry = MatchHistoryState.Entry(
      coordinator: coordinator, matchID: matchID, query: query(), body: body(), answeredAt: now)
    if state.withLock({ $0.add(entry) }) { return }
    isFull.store(true, ordering: .relaxed)
  }

  /// A coordinator's matches of one job, the newest first. What was answered here before shows.
  ///
  /// - Throws: `PostgresError`.
  package func matches(
    of jobID: String, for coordinator: String, limit: Int
  ) async throws -> [StoredMatch] {
    if !isKept { return [] }
    await waitUntilWritten(jobID, coordinator)
    return try await store.find(coordinator: coordinator, jobID: jobID, limit: limit)
  }

  package var counters: Counters {
    state.withLock { $0.counters(unseen: unseen.load(ordering: .relaxed)) }
  }

  /// Writes until shutdown, and a last time then.
  package func run() async throws {
    if !isKept {
      try? await gracefulShutdown()
      return
    }
    await cancelWhenGracefulShutdown {
      var nextTidy = ContinuousClock.now
      while !Task.isCancelled {
        self.refill()
        let isWritten = await self.writeAll()
        if isWritten && ContinuousClock.now >= nextTidy {
          nextTidy = .now + .seconds(await self.tidy())
        }
        let pause = isWritten ? self.options.intervalMilliseconds : Self.retryMilliseconds
        try? await Task.sleep(for: .milliseconds(pause))
      }
    }
    for _ in 0..<Self.shutdownTries {
      if await writeAll() { break }
      try? await Task.sleep(for: .milliseconds(Self.retryMilliseconds))
    }
    for waiter in state.withLock({ $0.end() }) { waiter.resume() }
  }

  // MARK: Writing

  private func refill() {
    let isOpen = state.withLock {
      $0.refill(unseen: unseen.exchange(0, ordering: .relaxed))
    }
    if isOpen { isFull.store(false, ordering: .relaxed) }
  }

  /// - Returns: false when PostgreSQL is out of reach; what is left waits.
  private func writeAll() async -> Bool {
    let waiters = state.withLock { $0.takeWaiters() }
    defer { for waiter in waiters { waiter.resume() } }
    while true {
      let batch = state.withLock { $0.takeBatch(Self.batchLimit) }
      if batch.isEmpty { return true }
      do {
        try await store.insert(batch.map(\.stored))
        state.withLock { $0.settle(written: true) }
      } catch let error as PostgresError where error.isUnavailable {
        state.withLock { $0.putBack() }
        return false
      } catch {
        // Trying these again would fail again.
        state.withLock { $0.settle(written: false) }
        logger.error(
          "answered matches could not be stored",
          metadata: ["count": "\(batch.count)", "reason": "\(error)"])
      }
    }
  }

  /// - Returns: after how many seconds to do it again.
  private func tidy() async -> Int {
    do {
      let dropped = try await store.tidy(keepingDays: options.days, now: now())
      if !dropped.isEmpty {
        logger.info("old matches are gone", metadata: ["days": "\(dropped.joined(separator: " "))"])
      }
      return Self.tidyIntervalSeconds
    } catch {
      // That PostgreSQL is away is told by others.
      if let error = error as? PostgresError, !error.isUnavailable {
        logger.warning("old matches could not be dropped", metadata: ["reason": "\(error)"])
      }
      return Self.tidyRetrySeconds
    }
  }

  /// For one round of writing at most.
  private func waitUntilWritten(_ jobID: String, _ coordinator: String) async {
    await withCheckedContinuation { continuation in
      let waits = state.withLock { state in
        guard !state.hasEnded && state.holds(jobID, coordinator) else { return false }
        state.waiters.append(continuation)
        return true
      }
      if !waits { continuation.resume() }
    }
  }
}
