import Changes
import Domain
import Feedback
import Logging
import Messaging
import Threads
import Wire

/// Takes feedback from the index thread, records it in PostgreSQL, tells everybody by the change
/// stream, and hands the answer back. What arrives while one transaction runs makes the next.
final class FeedbackDesk: Sendable {
  private static let batchLimit = 512
  /// More than this waiting is refused at once.
  private static let queueLimit = 8_192

  private struct Report: Sendable {
    var report: FeedbackReport
    /// Monotonic microseconds; nobody waits beyond it.
    var deadline: Int64
  }

  /// Whoever handed it in has given up, and will hand it in again.
  private struct Overdue: Error {}

  private struct Written: Sendable {
    var receipt: FeedbackReceipt
    /// The stream entry that carries its trust; zero when the stream was out of reach.
    var streamID: StreamID
  }

  private let inbox: IndexInbox
  private let batcher: Batcher<Report, Written>
  private let logger: Logger

  init(store: any FeedbackStore, writer: ChangeWriter, inbox: IndexInbox, logger: Logger) {
    self.inbox = inbox
    self.logger = logger
    batcher = Batcher(batchLimit: Self.batchLimit, queueLimit: Self.queueLimit) { reports in
      try await Self.record(reports, in: store, writer: writer)
    }
  }

  /// The answer comes to the inbox, whatever happens.
  func take(_ report: FeedbackReport, requestID: UInt64, gateway: Int, deadline: Int64) {
    Task {
      let record = await answer(
        to: Report(report: report, deadline: deadline), requestID: requestID)
      inbox.post(.answer(record, gateway: gateway))
    }
  }

  private func answer(to report: Report, requestID: UInt64) async -> Record {
    do {
      let written = try await batcher.submit(report)
      return Record(
        requestID: requestID, streamID: written.streamID,
        message: .feedbackReply(written.receipt))
    } catch {
      return Record(requestID: requestID, message: .failure(Failure(code(of: error))))
    }
  }

  private func code(of error: any Error) -> Failure.Code {
    switch error {
    case FeedbackError.unknownMiner: return .unknownMiner
    case FeedbackError.keyReusedWithAnotherBody: return .keyReused
    case FeedbackError.invalidText: return .badRequest
    case is Overdue: return .deadlinePassed
    case is Batcher<Report, Written>.QueueFull: return .overloaded
    default:
      logger.warning("feedback could not be stored", metadata: ["reason": "\(error)"])
      return .storeUnavailable
    }
  }

  /// One transaction, then one stream entry. A duplicate's trust is sent too: the first time may have
  /// ended between the two.
  private static func record(
    _ reports: [Report], in store: any FeedbackStore, writer: ChangeWriter
  ) async throws -> [Result<Written, any Error>] {
    let now = MonotonicClock.microseconds()
    let wanted = reports.filter { now < $0.deadline }
    let results = wanted.isEmpty ? [] : try await store.record(wanted.map(\.report))
    let recorded = results.compactMap { try? $0.get() }
    let changes = recorded.map { Change.trust($0.receipt.minerID, $0.trust) }
    var streamID: StreamID?
    if !changes.isEmpty {
      streamID = await writer.append(changes, outboxIDs: recorded.compactMap(\.outboxID))
    }
    var next = results.makeIterator()
    return reports.map { report in
      guard now < report.deadline, let result = next.next() else { return .failure(Overdue()) }
      return
        result
        .map { Written(receipt: $0.receipt, streamID: streamID ?? .zero) }
        .mapError { $0 as any Error }
    }
  }
}
