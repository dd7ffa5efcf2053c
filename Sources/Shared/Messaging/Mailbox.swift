import Synchronization
import Threads

/// What other threads hand to one polling thread: an array under a lock, taken whole, and a bell
/// that is rung only when the thread sleeps.
package final class Mailbox<Item: Sendable>: Sendable {
  private struct State {
    var items: [Item] = []
    var isAsleep = false
    var isClosed = false
  }

  package enum PostOutcome: Equatable, Sendable { case posted, full, closed }

  /// The polling thread sleeps on it.
  package let wakeup = Wakeup()
  private let state = Mutex(State())
  private let limit: Int

  /// - Parameter limit: the most items that may wait; one more is refused.
  package init(limit: Int) { self.limit = limit }

  /// Hands over `item`, from any thread. What is urgent is taken past the limit.
  package func post(_ item: Item, isUrgent: Bool = false) -> PostOutcome {
    let (outcome, mustRing) = state.withLock { state -> (PostOutcome, Bool) in
      if state.isClosed { return (.closed, false) }
      if state.items.count >= limit && !isUrgent { return (.full, false) }
      state.items.append(item)
      defer { state.isAsleep = false }
      return (.posted, state.isAsleep)
    }
    if mustRing { wakeup.ring() }
    return outcome
  }

  /// Hands over several at once, from any thread, as far as there is room; all if they are urgent.
  ///
  /// - Returns: how many were taken, from the first on; and whether there was room for all.
  package func post(
    contentsOf new: [Item], isUrgent: Bool = false
  ) -> (takenCount: Int, outcome: PostOutcome) {
    let (taken, outcome, mustRing) = state.withLock { state -> (Int, PostOutcome, Bool) in
      if state.isClosed { return (0, .closed, false) }
      let taken = isUrgent ? new.count : min(new.count, max(0, limit - state.items.count))
      state.items.append(contentsOf: new.prefix(taken))
      defer { if taken > 0 { state.isAsleep = false } }
      return (taken, taken == new.count ? .posted : .full, taken > 0 && state.isAsleep)
    }
    if mustRing { wakeup.ring() }
    return (taken, outcome)
  }

  /// Swaps all that waits for `spent`, whose storage is reused. For the polling thread.
  package func takeAll(into spent: inout [Item]) {
    spent.removeAll(keepingCapacity: true)
    state.withLock { swap(&$0.items, &spent) }
  }

  /// - Returns: true when nothing waits: the thread may sleep, and the next `post` rings.
  package func prepareToSleep() -> Bool {
    state.withLock { state in
      state.isAsleep = state.items.isEmpty
      return state.isAsleep
    }
  }

  /// The thread is awake by itself: no need to ring.
  package func stayAwake() { state.withLock { $0.isAsleep = false } }

  /// Nothing is taken any more.
  /// - Returns: what was still waiting.
  package func close() -> [Item] {
    state.withLock { state in
      state.isClosed = true
      defer { state.items = [] }
      return state.items
    }
  }
}
