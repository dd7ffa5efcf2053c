import Changes
import Domain
import Feedback
import Logging
import Messaging
import Synchronization
import Wire

/// Takes feedback from the index thread, records it in PostgreSQL, tells everybody by the change
/// stream, and hands the answers back. What arrives while one transaction runs makes the next.
final class FeedbackDesk: Sendable {
  private static let batchLimit = 512
  /// More than this waiting is refused at once.
  private static let queueLimit = 8_192

  /// A report, and whom to answer.
  struct Arrival: Sendable {
    var report: FeedbackReport
    var requestID: UInt64
    var gateway: Int
    /// Monotonic microseconds; nobody waits beyond it.
    var deadline: Int64

    func answer(_ message: Message, upTo streamID: StreamID = .zero) -> FeedbackAnswer {
      FeedbackAnswer(
        record: Record(requestID: requestID, streamID: streamID, message: message),
        gateway: gateway)
    }

    func refusal(_ code: Failure.Code) -> FeedbackAnswer { answer(.failure(Failure(code))) }
  }

  private struct State {
    var waiting: [Arrival] = []
    var isRunning = false
  }

  private let store: any FeedbackStore
  private let writer: ChangeWriter
  private let inbox: IndexInbox
  private let logger: Logger
  private let state = Mutex(State())

  init(store: any FeedbackStore, writer: ChangeWriter, inbox: IndexInbox, logger: Logger) {
    self.store = store
    self.writer = writer
    self.inbox = inbox
    self.logger = logger
  }

  /// An answer to each comes to the inbox, whatever happens.
  func take(_ arrivals: [Arrival]) {
    if arrivals.isEmpty { return }
    let (refused, starts) = state.withLock { state in
      let room = max(0, Self.queueLimit - state.waiting.count)
      state.waiting += arrivals.prefix(room)
      defer { state.isRunning = state.isRunning || !state.waiting.isEmpty }
      return (arrivals.dropFirst(room), !state.isRunning && !state.waiting.isEmpty)
    }
    if !refused.isEmpty { inbox.post(.answers(refused.map { $0.refusal(.overloaded) })) }
    if starts { Task { await drain() } }
  }

  private func drain() async {
    while let batch = takeBatch() {
      // Whoever handed in a late one has given up, and will hand it in again.
      let now = MonotonicClock.microseconds()
      let late = batch.filter { $0.deadline <= now }
      if !late.isEmpty { inbox.post(.answers(late.map { $0.refusal(.deadlinePassed) })) }
      await record(batch.filter { now < $0.deadline })
    }
  }

  private func takeBatch() -> [Arrival]? {
    state.withLock { state in
      let batch = Array(state.waiting.prefix(Self.batchLimit))
      state.waiting.removeFirst(batch.count)
      state.isRunning = !batch.isEmpty
      return batch.isEmpty ? nil : batch
    }
  }

  /// One transaction. The next one need not wait for the stream: its changes may come in any order.
  private func record(_ batch: [Arrival]) async {
    if batch.isEmpty { return }
    do {
      let results = try await store.record(batch.map(\.report))
      Task { await tell(results, to: batch) }
    } catch {
      logger.warning("feedback could not be stored", metadata: ["reason": "\(error)"])
      inbox.post(.answers(batch.map { $0.refusal(.storeUnavailable) }))
    }
  }

  /// One stream entry, then the answers. A duplicate's trust is sent too: the first time may have
  /// ended between the two.
  private func tell(
    _ results: [Result<RecordedFeedback, FeedbackError>], to batch: [Arrival]
  ) async {
    let recorded = results.compactMap { try? $0.get() }
    let changes = recorded.map { Change.trust($0.receipt.minerID, $0.trust) }
    var streamID: StreamID?
    if !changes.isEmpty {
      let outboxIDs = Set(recorded.compactMap(\.outboxID))
      streamID = await writer.append(changes, outboxIDs: Array(outboxIDs))
    }
    let answers = zip(batch, results).map { arrival, result in
      switch result {
      case .success(let recorded):
        // Zero when the stream was out of reach.
        arrival.answer(.feedbackReply(recorded.receipt), upTo: streamID ?? .zero)
      case .failure(.unknownMiner): arrival.refusal(.unknownMiner)
      case .failure(.keyReusedWithAnotherBody): arrival.refusal(.keyReused)
      case .failure(.invalidText): arrival.refusal(.badRequest)
      }
    }
    inbox.post(.answers(answers))
  }
}
