/// How a job ended, as its coordinator says.
package enum Outcome: String, CaseIterable, Sendable {
  case accepted, rejected, failed, completed

  /// The wire's number for it. Never renumber.
  package var code: UInt8 { UInt8(Self.allCases.firstIndex(of: self)!) }
  package init?(code: UInt8) {
    guard Int(code) < Self.allCases.count else { return nil }
    self = Self.allCases[Int(code)]
  }
}

/// What a candidate's offer says, once the hub has found that it made it: that the miner was offered to
/// the reporting coordinator for the reported job.
package struct ProvenOffer: Equatable, Sendable {
  package var madeAt: Timestamp
  /// The price that was offered.
  package var price: Price

  package init(madeAt: Timestamp, price: Price) {
    self.madeAt = madeAt
    self.price = price
  }
}

/// A coordinator's word on one miner's work on one job.
package struct FeedbackReport: Equatable, Sendable {
  package var coordinator: String
  package var jobID: String
  package var minerID: MinerID
  package var outcome: Outcome
  package var latencyMilliseconds: Double?
  package var failCode: String?
  /// In 10⁻⁸ tokens, like a price.
  package var tokensSpent: Int64?
  /// The caller's `Idempotency-Key`, if it sent one.
  package var idempotencyKey: String?
  /// Of the match that it is about; nil: not proven to be about any of this hub's.
  package var offer: ProvenOffer?

  package init(coordinator: String, jobID: String, minerID: MinerID, outcome: Outcome) {
    self.coordinator = coordinator
    self.jobID = jobID
    self.minerID = minerID
    self.outcome = outcome
  }
}

/// What became of a report. A duplicate is answered with the scores of the first time.
package struct FeedbackReceipt: Equatable, Sendable {
  package var minerID: MinerID
  package var isDuplicate: Bool
  package var trustScore: Double
  package var previousTrustScore: Double
  /// What the report added, good or bad; nil where a scorer of an older version recorded it.
  package var evidence: Double?

  package init(
    minerID: MinerID, isDuplicate: Bool, trustScore: Double, previousTrustScore: Double,
    evidence: Double? = nil
  ) {
    self.minerID = minerID
    self.isDuplicate = isDuplicate
    self.trustScore = trustScore
    self.previousTrustScore = previousTrustScore
    self.evidence = evidence
  }
}
