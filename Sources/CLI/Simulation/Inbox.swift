import Synchronization

/// What arrived and waits for its one reader.
final class Inbox<Element: Sendable>: Sendable {
  private struct State {
    var elements: [Element] = []
    var reader: CheckedContinuation<Element?, Never>?
    var isFinished = false
  }

  private let state = Mutex(State())

  func put(_ element: Element) {
    let reader = state.withLock { state -> CheckedContinuation<Element?, Never>? in
      if let reader = state.reader {
        state.reader = nil
        return reader
      }
      state.elements.append(element)
      return nil
    }
    reader?.resume(returning: element)
  }

  /// Nothing more will arrive.
  func finish() {
    let reader = state.withLock { state in
      state.isFinished = true
      defer { state.reader = nil }
      return state.reader
    }
    reader?.resume(returning: nil)
  }

  /// The next element; nil when nothing more will arrive or the task was cancelled.
  /// - Precondition: nobody else is waiting.
  func take() async -> Element? {
    await withTaskCancellationHandler {
      await withCheckedContinuation { continuation in
        let ready = state.withLock { state -> Element?? in
          if !state.elements.isEmpty { return .some(state.elements.removeFirst()) }
          if state.isFinished || Task.isCancelled { return .some(nil) }
          precondition(state.reader == nil, "an inbox has one reader")
          state.reader = continuation
          return .none
        }
        if let ready { continuation.resume(returning: ready) }
      }
    } onCancel: {
      let reader = state.withLock { state in
        defer { state.reader = nil }
        return state.reader
      }
      reader?.resume(returning: nil)
    }
  }
}
