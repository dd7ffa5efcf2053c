import Glibc
import Synchronization

/// One line on the terminal that is written over as work goes on. Where standard error is no terminal it
/// is silent, or writes a whole line now and then.
final class ProgressLine: Sendable {
  private struct State {
    var width = 0
    var shownAt: ContinuousClock.Instant?
  }

  private let state = Mutex(State())
  private let isTerminal = isatty(STDERR_FILENO) == 1
  private let loggingInterval: Duration?

  /// - Parameter loggingInterval: how often a line goes into a log; nil: never.
  init(loggingInterval: Duration? = nil) { self.loggingInterval = loggingInterval }

  /// Shows `text`, at most ten times a second.
  func show(_ text: @autoclosure () -> String) {
    let now = ContinuousClock.now
    state.withLock { state in
      guard let interval = isTerminal ? .milliseconds(100) : loggingInterval else { return }
      if let shownAt = state.shownAt, now - shownAt < interval { return }
      state.shownAt = now
      let line = text()
      if isTerminal {
        let padding = String(repeating: " ", count: max(0, state.width - line.count))
        write("\r\(line)\(padding)")
        state.width = line.count
      } else {
        write(line + "\n")
      }
    }
  }

  /// Takes the line away, so that what follows stands on its own.
  func clear() {
    state.withLock { state in
      if isTerminal && state.width > 0 {
        write("\r" + String(repeating: " ", count: state.width) + "\r")
      }
      state.width = 0
    }
  }

  private func write(_ text: String) { Console.write(text, to: STDERR_FILENO) }
}
