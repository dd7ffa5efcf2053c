import Domain
import Logging
import MatchText
import Messaging
import ServiceLifecycle
import Threads
import Wire

/// The gateway's way to the scorers: asks whichever is best, and gives each caller its one answer.
///
/// Runs a thread that owns the ROUTER. A caller costs one lock on the way in and one resumption on
/// the way out; callers with an inbox share both.
package final class ScorerClient: Service, Sendable {
  package struct Configuration: Sendable {
    /// Where scorers connect: `tcp://address:port` (`*` for any port) or `ipc:///path`.
    package var endpoint: String
    /// What scorers know this gateway by.
    package var gatewayID: String
    /// New with each start, and never 0.
    package var instance = UInt64.random(in: 1 ... .max)
    package var limits = DispatchLimits()
    package var options = ZMQOptions()

    package init(endpoint: String, gatewayID: String) {
      self.endpoint = endpoint
      self.gatewayID = gatewayID
    }
  }

  /// Requests that may wait for the router's thread to look; past it they are refused as
  /// overloaded.
  private static let mailboxLimit = 32_768

  private let configuration: Configuration
  private let logger: Logger
  private let mailbox = Mailbox<DispatchCommand>(limit: mailboxLimit)
  private let view = DispatchView()
  private let messaging = MessagingCounters()

  package init(configuration: Configuration, logger: Logger) {
    self.configuration = configuration
    self.logger = logger
  }

  /// Binds and serves until a graceful shutdown, which lets what is in flight finish for
  /// `drainMicroseconds` at most, or a cancellation, which doesn't. Runs once.
  ///
  /// - Throws: `ZMQError` when the endpoint can't be bound.
  package func run() async throws {
    try await withTaskCancellationHandler {
      try await withGracefulShutdownHandler {
        try await serve()
      } onGracefulShutdown: {
        _ = self.mailbox.post(.drain, isUrgent: true)
      }
    } onCancel: {
      _ = self.mailbox.post(.abandon, isUrgent: true)
    }
  }

  private func serve() async throws(ZMQError) {
    let (view, logger, configuration) = (view, logger, configuration)
    try await RouterThread<DispatchHandler>.run(
      endpoint: configuration.endpoint, options: configuration.options, mailbox: mailbox,
      counters: messaging,
      onBound: { endpoint in
        view.content.withLock { $0.boundEndpoint = endpoint }
        logger.info("waiting for scorers", metadata: ["endpoint": "\(endpoint)"])
        if configuration.options.curve == nil && !Self.isLocal(endpoint) {
          logger.warning(
            "other hosts can pose as scorers here: set POOLHUB_CURVE_SECRET_KEY",
            metadata: ["endpoint": "\(endpoint)"])
        }
      },
      makeHandler: {
        DispatchHandler(configuration: configuration, view: view, logger: logger)
      })
  }

  /// Whether nobody beyond this host can connect.
  private static func isLocal(_ endpoint: String) -> Bool {
    ["ipc:", "tcp://127.", "tcp://[::1]"].contains { endpoint.hasPrefix($0) }
  }

  /// The best miners for `query`.
  ///
  /// - Parameters:
  ///   - deadlineMilliseconds: how long the caller waits.
  ///   - after: what the answer must have seen of the change stream.
  package func match(
    _ query: MatchQuery, deadlineMilliseconds: Int, after: StreamID
  ) async throws(DispatchError) -> MatchReply {
    let outcome = await ask(
      .matchRequest(query), deadlineMilliseconds: deadlineMilliseconds, after: after)
    return try MatchReply.from(outcome).get()
  }

  /// The best miners for each of `queries`, all by one scorer and one after another, so that those that are
  /// spread know of each other.
  ///
  /// - Parameter queries: 1 to 256.
  package func match(
    batch queries: [MatchQuery], deadlineMilliseconds: Int, after: StreamID
  ) async throws(DispatchError) -> BatchReply {
    let reply = try await ask(
      .batchRequest(queries), deadlineMilliseconds: deadlineMilliseconds, after: after
    ).get()
    let answers: [WrittenAnswer]
    switch reply.message {
    case .writtenBatchReply(let written): answers = written
    case .batchReply(let plain): answers = plain.map { $0.written() }
    default: throw .faulty
    }
    return BatchReply(answers: answers, applied: reply.streamID, scorerID: reply.scorerID)
  }

  /// Hands in a report; once answered it is durable. A scorer that falls silent over it makes
  /// another take it too, so a receipt may call a report a duplicate that its coordinator sent
  /// once.
  package func feedback(
    _ report: FeedbackReport, deadlineMilliseconds: Int
  ) async throws(DispatchError) -> FeedbackReply {
    let outcome = await ask(
      .feedbackRequest(report), deadlineMilliseconds: deadlineMilliseconds, after: .zero)
    return try FeedbackReply.from(outcome).get()
  }

  /// Matches and reports, many at once and with no task: the answers come to `inbox`, in any order, each with
  /// its call.
  package func ask(_ calls: [DispatchCall], inbox: any DispatchInbox) {
    let now = MonotonicClock.microseconds()
    let requests = calls.map { call in
      DispatchRequest(
        message: call.message, deadline: now + Int64(call.deadlineMilliseconds) * 1_000,
        required: call.after, token: DispatchWaiter.inbox(inbox, call: call.call))
    }
    let reports = requests.filter { $0.kind == .feedback }
    if reports.isEmpty { return post(requests, isUrgent: false) }
    post(reports, isUrgent: true)
    post(requests.filter { $0.kind != .feedback }, isUrgent: false)
  }

  /// Every scorer that this gateway knows, as of its last beat.
  package func snapshot() -> [ScorerSnapshot] { view.content.withLock { $0.scorers } }

  /// Totals since the start, a tenth of a second old at most.
  package func counters() -> DispatchCounters {
    view.content.withLock { content in
      var counters = content.counters
      counters.overloaded += content.unseenCount
      counters.failed += content.unseenCount
      return counters
    }
  }

  /// Requests that wait for a scorer with room, a tenth of a second ago.
  package var waitingCount: Int { view.content.withLock { $0.waitingCount } }

  /// For how long the router's thread hasn't looked around.
  package var idleTime: Duration {
    .microseconds(MonotonicClock.microseconds() - view.lookedAt.load(ordering: .relaxed))
  }

  /// By which scorers tell this start of the gateway from others.
  package var instance: UInt64 { configuration.instance }

  /// What went wrong on the socket.
  package var messagingCounters: MessagingCounters { messaging }

  /// Where scorers can connect, with the port that was found; nil before `run` and after it.
  package var boundEndpoint: String? { view.content.withLock { $0.boundEndpoint } }

  /// - Parameter isUrgent: feedback isn't held up by a flood of matches; its number is bounded further on.
  private func post(_ requests: [DispatchRequest<DispatchWaiter>], isUrgent: Bool) {
    let (takenCount, outcome) = mailbox.post(
      contentsOf: requests.map { .ask($0) }, isUrgent: isUrgent)
    guard takenCount < requests.count else { return }
    view.content.withLock { $0.unseenCount += requests.count - takenCount }
    let error = outcome == .closed ? DispatchError.noScorer : .overloaded
    var deliveries = DispatchDeliveries()
    for request in requests[takenCount...] { deliveries.add(.failure(error), for: request.token) }
    deliveries.deliver()
  }

  private func ask(
    _ message: Message, deadlineMilliseconds: Int, after: StreamID
  ) async -> DispatchOutcome {
    let deadline = MonotonicClock.microseconds() + Int64(deadlineMilliseconds) * 1_000
    let outcome = await withCheckedContinuation { continuation in
      let request = DispatchRequest(
        message: message, deadline: deadline, required: after,
        token: DispatchWaiter.task(continuation))
      switch mailbox.post(.ask(request), isUrgent: request.kind == .feedback) {
      case .posted: break
      case .full:
        view.content.withLock { $0.unseenCount += 1 }
        continuation.resume(returning: .failure(.overloaded))
      case .closed: continuation.resume(returning: .failure(.noScorer))
      }
    }
    acquireResumption()
    return outcome
  }
}

/// A match's answer, and who gave it.
package struct MatchReply: Equatable, Sendable {
  package var answer: WrittenAnswer
  /// How far the scorer had applied the change stream.
  package var applied: StreamID
  package var scorerID: String

  package static func from(_ outcome: DispatchOutcome) -> Result<MatchReply, DispatchError> {
    switch outcome {
    case .success(let reply):
      let answer: WrittenAnswer
      switch reply.message {
      case .writtenMatchReply(let written): answer = written
      // A scorer of an older version leaves the writing to us.
      case .matchReply(let plain): answer = plain.written()
      default: return .failure(.faulty)
      }
      return .success(
        MatchReply(answer: answer, applied: reply.streamID, scorerID: reply.scorerID))
    case .failure(let error): return .failure(error)
    }
  }
}

/// The answers to a batch, in its order, and who gave them.
package struct BatchReply: Equatable, Sendable {
  package var answers: [WrittenAnswer]
  /// How far the scorer had applied the change stream at the end.
  package var applied: StreamID
  package var scorerID: String
}

/// What became of a report, and who took it.
package struct FeedbackReply: Equatable, Sendable {
  package var receipt: FeedbackReceipt
  /// The stream entry that holds its change: a match after it sees the new trust.
  package var written: StreamID
  package var scorerID: String

  package static func from(_ outcome: DispatchOutcome) -> Result<FeedbackReply, DispatchError> {
    outcome.flatMap { reply in
      guard case .feedbackReply(let receipt) = reply.message else { return .failure(.faulty) }
      return .success(
        FeedbackReply(receipt: receipt, written: reply.streamID, scorerID: reply.scorerID))
    }
  }
}
