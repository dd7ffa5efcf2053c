import Domain
import JSON

/// `POST /v1/feedback`
package struct FeedbackRequest: Equatable, Sendable {
  package var report: FeedbackReport
  /// As it was sent; what it proves is for others to find.
  package var offer: String?

  /// Longer than any offer is.
  static let offerBytes = 1...256

  /// - Parameters:
  ///   - coordinator: who is asking, from its secret.
  ///   - idempotencyKey: the header's value, if sent.
  /// - Throws: `Problem` 400 when the body isn't JSON, 422 with every fault.
  package init(
    body: UnsafeRawBufferPointer, coordinator: String, idempotencyKey: String?
  ) throws(Problem) {
    let isSane = idempotencyKey.map(Self.isSane) ?? true
    if isSane, var plain = PlainFeedbackReader.read(body, of: coordinator) {
      plain.report.idempotencyKey = idempotencyKey
      self = plain
    } else {
      self = try FeedbackRequest(
        Body.object(body), coordinator: coordinator, idempotencyKey: idempotencyKey)
    }
  }

  package init(
    _ object: JSONObject, coordinator: String, idempotencyKey: String?
  ) throws(Problem) {
    let (read, offer) = try Body.read(object) { fields -> (FeedbackReport?, String?) in
      let jobID = fields.requiredText("job_id", bytes: 1...Limits.jobIDBytes)
      let minerID = fields.requiredMinerID("miner_id")
      if !fields.has("outcome") { fields.fail("outcome", "required", "outcome is required") }
      let outcome = fields.choice("outcome", of: Outcome.self)
      let latency = fields.number("latency_ms", in: Limits.latencyMilliseconds)
      let failCode = fields.text("fail_code", bytes: 0...Limits.nameBytes)
      let tokens = fields.price("tokens_spent")
      let offer = fields.text("offer", bytes: Self.offerBytes)
      if let key = idempotencyKey, !Self.isSane(key) {
        fields.fail(
          "Idempotency-Key", "format", "Idempotency-Key must be 1 to 255 printable characters")
      }
      guard let jobID, let minerID, let outcome else { return (nil, nil) }
      var report = FeedbackReport(
        coordinator: coordinator, jobID: jobID, minerID: minerID, outcome: outcome)
      report.latencyMilliseconds = latency
      report.failCode = failCode
      report.tokensSpent = tokens?.units
      report.idempotencyKey = idempotencyKey
      return (report, offer)
    }
    guard let read else {
      throw Problem(.invalidFields, "job_id, miner_id and outcome are required")
    }
    report = read
    self.offer = offer
  }

  init(report: FeedbackReport, offer: String?) {
    self.report = report
    self.offer = offer
  }

  private static func isSane(_ key: String) -> Bool {
    Limits.idempotencyKeyBytes.contains(key.utf8.count)
      && key.utf8.allSatisfy { (0x20...0x7E).contains($0) }
  }
}
