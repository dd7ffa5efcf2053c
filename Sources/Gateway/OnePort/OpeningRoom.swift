import NIOCore
import Synchronization

/// The connections that haven't shown yet what they are. When there are too many, the one that has taken
/// longest goes: a real caller is through in milliseconds, so whoever opens and says nothing loses to it.
final class OpeningRoom: Sendable {
  fileprivate struct State {
    /// By the order of their coming; those that have left are still in here until they reach the front.
    var order: [(number: UInt64, channel: any Channel)] = []
    var front = 0
    var waiting: Set<UInt64> = []
    var last: UInt64 = 0
  }

  private let limit: Int
  private let onEviction: @Sendable () -> Void
  private let state = Mutex(State())

  /// - Parameter onEviction: told of each connection that has to go.
  init(limit: Int, onEviction: @escaping @Sendable () -> Void) {
    self.limit = limit
    self.onEviction = onEviction
  }

  /// - Returns: what to leave with.
  func enter(_ channel: any Channel) -> UInt64 {
    let (number, evicted) = state.withLock { state in
      state.last += 1
      state.order.append((state.last, channel))
      state.waiting.insert(state.last)
      return (state.last, state.waiting.count > limit ? state.takeOldest() : nil)
    }
    if let evicted {
      evicted.close(promise: nil)
      onEviction()
    }
    return number
  }

  func leave(_ number: UInt64) {
    state.withLock { state in
      state.waiting.remove(number)
      state.tidy()
    }
  }

  var count: Int { state.withLock { $0.waiting.count } }
}

extension OpeningRoom.State {
  fileprivate mutating func takeOldest() -> (any Channel)? {
    while front < order.count {
      let (number, channel) = order[front]
      front += 1
      if waiting.remove(number) != nil { return channel }
    }
    return nil
  }

  /// Lets go of those that have left, once they are the larger part: what it costs is shared by them.
  fileprivate mutating func tidy() {
    while front < order.count, !waiting.contains(order[front].number) { front += 1 }
    guard order.count > 64, order.count > 2 * waiting.count else { return }
    order = order[front...].filter { waiting.contains($0.number) }
    front = 0
  }
}
