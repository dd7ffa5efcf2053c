import Domain
import Redis

/// What a `ChangeWriter` keeps under its lock.
struct ChangeWriterState {
  struct Waiter {
    var deadline: ContinuousClock.Instant
    var continuation: CheckedContinuation<StreamID?, Never>
  }

  var pending = PendingChanges()
  var counters = ChangeWriter.Counters()
  private var waiters: [UInt64: Waiter] = [:]
  /// The last flush failed: Redis is asked before the next one takes everything out again.
  private(set) var isImpaired = false
  private(set) var lastID: StreamID?
  /// Those that the next flush answers.
  private var waitingForNext: [UInt64] = []
  private var nextWaiter: UInt64 = 0
  private var isTimerRunning = false
  private var isFlushing = false
  private var isFlushRequested = false
  /// Until then only callers start flushes.
  private var quietUntil: ContinuousClock.Instant?
  private var backoff = Backoff(floorMilliseconds: 50, ceilingMilliseconds: 500)

  var isIdle: Bool { pending.isEmpty && !isFlushing }

  func isQuiet(at now: ContinuousClock.Instant) -> Bool {
    pending.isEmpty || quietUntil.map { now < $0 } ?? false
  }

  /// - Returns: whether the caller is to start the timer that calls `takeExpired`.
  mutating func addWaiter(_ waiter: Waiter) -> Bool {
    waiters[nextWaiter] = waiter
    waitingForNext.append(nextWaiter)
    nextWaiter += 1
    defer { isTimerRunning = true }
    return !isTimerRunning
  }

  /// - Returns: those who have waited too long, and when to call again; nil when nobody waits.
  mutating func takeExpired(
    at now: ContinuousClock.Instant
  ) -> (expired: [Waiter], next: ContinuousClock.Instant?) {
    let expired = takeWaiters(waiters.filter { $0.value.deadline <= now }.map(\.key))
    let next = waiters.values.map(\.deadline).min()
    isTimerRunning = next != nil
    return (expired, next)
  }

  mutating func takeWaitingForNext() -> [UInt64] {
    defer { waitingForNext = [] }
    return waitingForNext
  }

  mutating func takeWaiters(_ numbers: [UInt64]) -> [Waiter] {
    numbers.compactMap { waiters.removeValue(forKey: $0) }
  }

  /// - Returns: whether the caller is to start the flushing.
  mutating func requestFlush() -> Bool {
    isFlushRequested = true
    defer { isFlushing = true }
    return !isFlushing
  }

  /// - Returns: whether a flush was asked for since the last one began; else the flushing ends.
  mutating func beginFlush() -> Bool {
    isFlushing = isFlushRequested
    isFlushRequested = false
    return isFlushing
  }

  mutating func settle(_ batch: PendingChanges.Batch, _ outcome: ChangeFlush.Outcome) {
    counters.flushes += 1
    counters.entries += outcome.entries
    counters.changes += outcome.changes
    if let id = outcome.lastID { lastID = id }
    if outcome.isComplete {
      isImpaired = false
      quietUntil = nil
      backoff.reset()
    } else {
      counters.dropped += pending.putBack(batch)
      fail()
    }
  }

  /// Redis is known to be away, so the batch wasn't even taken out.
  mutating func skipFlush() {
    counters.dropped += pending.dropOutboxed()
    fail()
  }

  private mutating func fail() {
    counters.failures += 1
    isImpaired = true
    quietUntil = .now + backoff.next(random: .random(in: 0..<1))
  }
}
