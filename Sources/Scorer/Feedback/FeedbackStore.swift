import Domain

/// Where feedback is recorded for good.
package protocol FeedbackStore: Sendable {
  /// Records reports in their order, all in one transaction, and answers each in turn. Reports that
  /// were refused don't hold up the others.
  ///
  /// - Throws: when nothing was recorded because the store is out of reach; trying again is safe.
  func record(
    _ reports: [FeedbackReport]
  ) async throws -> [Result<RecordedFeedback, FeedbackError>]
}

/// What became of a report, durably.
package struct RecordedFeedback: Equatable, Sendable {
  package var receipt: FeedbackReceipt
  /// The miner's trust after everything in the batch: what the scorers must learn.
  package var trust: MinerTrust
  /// The outbox row that carries `trust`, shared by all reports of the batch; nil when the report
  /// changed nothing (a duplicate, or an accepted job).
  package var outboxID: Int64?

  package init(receipt: FeedbackReceipt, trust: MinerTrust, outboxID: Int64?) {
    self.receipt = receipt
    self.trust = trust
    self.outboxID = outboxID
  }
}

/// Why a report was refused. Nothing of it was stored.
package enum FeedbackError: Error, Equatable {
  case unknownMiner
  /// The idempotency key stood for another report less than a day ago.
  case keyReusedWithAnotherBody
  /// A text that no database takes: with a NUL, or far over its limit.
  case invalidText
}
