import Domain
import Index
import Logging
import Messaging
import ServiceLifecycle
import Synchronization
import Threads
import Wire

/// The one thread that owns the index. It applies changes and answers matches in turn, so nothing is
/// locked and nothing can be half seen.
final class IndexThread: Service {
  struct Options: Sendable {
    var scorerID: String
    var gateways: [String]
    var weights: Weights
    var graceMilliseconds: Int64
    var registryTrustMilliseconds: Int64
  }

  private let options: Options
  private let inbox: IndexInbox
  private let feedback: FeedbackDesk
  private let logger: Logger
  private let ended = ThreadEnd()

  init(options: Options, inbox: IndexInbox, feedback: FeedbackDesk, logger: Logger) {
    self.options = options
    self.inbox = inbox
    self.feedback = feedback
    self.logger = logger
  }

  func run() async throws {
    let (options, inbox, feedback, logger, ended) = (options, inbox, feedback, logger, ended)
    startThread(name: "index") {
      do throws(ZMQError) {
        var loop = try IndexLoop(
          options: options, inbox: inbox, feedback: feedback, logger: logger)
        try loop.run()
        ended.finish(nil)
      } catch {
        ended.finish(error)
      }
    }
    try await withGracefulShutdownHandler {
      try await ended.wait()
    } onGracefulShutdown: {
      inbox.post(.stop)
    }
  }
}

/// Lets a task wait for a thread's end.
private final class ThreadEnd: Sendable {
  private struct State {
    var result: Result<Void, any Error>?
    var waiting: CheckedContinuation<Void, any Error>?
  }
  private let state = Mutex(State())

  func finish(_ error: (any Error)?) {
    let result: Result<Void, any Error> = error.map { .failure($0) } ?? .success(())
    state.withLock { state in
      state.result = result
      return state.waiting.take()
    }?.resume(with: result)
  }

  func wait() async throws {
    try await withCheckedThrowingContinuation { continuation in
      let done = state.withLock { state in
        if state.result == nil { state.waiting = continuation }
        return state.result
      }
      if let done { continuation.resume(with: done) }
    }
  }
}
