import Domain
import GatewayAPI
import NIOCore
import ScorerClient

/// What coordinators say of jobs, read and answered: the same for both ways in.
struct Reporting: Sendable {
  /// Feedback waits for a commit, so it gets longer than a match.
  static let deadlineMilliseconds = 10_000

  private let gateway: Gateway
  private let offers: OfferCheck

  init(gateway: Gateway) {
    self.gateway = gateway
    offers = OfferCheck(
      offers: gateway.offers, isRequired: gateway.settings.offers == .required)
  }

  /// The report in a request's body, with what its offer proves.
  func read(
    _ body: ByteBuffer, of coordinator: String, idempotencyKey: String?
  ) throws(Problem) -> FeedbackReport {
    let request = try body.withUnsafeReadableBytes { bytes in
      Result { () throws(Problem) in
        try FeedbackRequest(body: bytes, coordinator: coordinator, idempotencyKey: idempotencyKey)
      }
    }.get()
    return try offers.prove(request, at: .now)
  }

  /// Counts the report, and writes the body of the answer. Who matches by this gateway from now on
  /// sees the new trust.
  ///
  /// - Throws: the problem to answer with when no scorer has recorded it.
  func answer(
    _ outcome: Result<FeedbackReply, DispatchError>, to report: FeedbackReport,
    since started: ContinuousClock.Instant
  ) throws(Problem) -> [UInt8] {
    switch outcome {
    case .success(let reply):
      gateway.acknowledged.note(reply.written)
      gateway.metrics.fedBack(
        report, duplicate: reply.receipt.isDuplicate, after: .now - started)
      return MinerAnswer.feedback(reply.receipt)
    case .failure(let error): throw Problem(error)
    }
  }
}
