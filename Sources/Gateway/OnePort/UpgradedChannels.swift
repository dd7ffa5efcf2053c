import Synchronization

/// Keeps the server running until its last WebSocket has said goodbye, at the price of one suspended
/// task for all of them instead of one each.
final class UpgradedChannels: Sendable {
  private struct State {
    var openCount = 0
    var waiter: CheckedContinuation<Void, Never>?

    mutating func takeWaiter() -> CheckedContinuation<Void, Never>? {
      defer { waiter = nil }
      return waiter
    }
  }

  private let state = Mutex(State())

  func opened() {
    state.withLock { $0.openCount += 1 }
  }

  func closed() {
    let waiter = state.withLock { state in
      state.openCount -= 1
      return state.openCount == 0 ? state.takeWaiter() : nil
    }
    waiter?.resume()
  }

  /// The first caller waits until no channel is open or its task is cancelled; while it waits, others
  /// return at once. A channel that opens after it left brings a first caller of its own.
  func waitUntilNone() async {
    await withTaskCancellationHandler {
      await withCheckedContinuation { continuation in
        let returnsNow = state.withLock { state in
          if state.openCount == 0 || state.waiter != nil || Task.isCancelled { return true }
          state.waiter = continuation
          return false
        }
        if returnsNow { continuation.resume() }
      }
    } onCancel: {
      // Another caller's waiter may be the one that is resumed here; the whole server is being
      // cancelled then, so all of them are to leave.
      let waiter = state.withLock { $0.takeWaiter() }
      waiter?.resume()
    }
  }
}
