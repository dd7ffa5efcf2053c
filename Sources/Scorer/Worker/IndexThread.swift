import Domain
import Index
import Logging
import Messaging
import ServiceLifecycle
import Synchronization
import Threads
import Trust
import Wire

/// The one thread that owns the index. It applies changes and answers matches in turn, so nothing is
/// locked and nothing can be half seen.
final class IndexThread: Service {
  struct Options: Sendable {
    var scorerID: String
    var gateways: [String]
    /// nil: links to gateways are plain.
    var curve: Curve?
    var weights: Weights
    var newcomers: NewcomerPolicy
    /// For how long an offer counts for matches that are spread.
    var spreadMilliseconds: Int
    var graceMilliseconds: Int64
    var registryTrustMilliseconds: Int64
    /// Of the answers, in [0, 1]; with 0 there is no plain index to compare with.
    var auditShare: Double
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
    startThread(name: "index") { [self] in
      do throws(ZMQError) {
        if options.auditShare > 0 {
          let share = options.auditShare
          try answer {
            AuditedIndex<BlockIndex>(
              weights: $0, share: share, seed: .random(in: .min ... .max))
          }
        } else {
          try answer { BlockIndex(weights: $0) }
        }
        ended.finish(nil)
      } catch {
        ended.finish(error)
      }
    }
    try await withGracefulShutdownHandler {
      try await ended.wait()
    } onGracefulShutdown: { [inbox] in
      inbox.post(.stop)
    }
  }

  /// - Parameter makeIndex: called where the index stays, since it must not be shared.
  private func answer<Index: MinerIndex>(
    from makeIndex: @escaping @Sendable (Weights) -> Index
  ) throws(ZMQError) {
    var loop = try IndexLoop(
      options: options, inbox: inbox, feedback: feedback, logger: logger, makeIndex: makeIndex)
    defer { inbox.close() }
    try loop.run()
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
