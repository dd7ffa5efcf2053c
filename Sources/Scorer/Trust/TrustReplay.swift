import Domain

/// Trust made anew from stored feedback. Given each miner's reports in the order they were
/// committed in, it ends where the hub stands, to the bit.
package struct TrustReplay: Sendable {
  /// A stored report, as far as trust needs it.
  package struct Report: Equatable, Sendable {
    package var minerID: MinerID
    package var coordinator: String
    package var outcome: Outcome
    /// The evidence that it was given when it was recorded.
    package var weight: Double
    package var recordedAt: Timestamp

    package init(
      minerID: MinerID, coordinator: String, outcome: Outcome, weight: Double,
      recordedAt: Timestamp
    ) {
      self.minerID = minerID
      self.coordinator = coordinator
      self.outcome = outcome
      self.weight = weight
      self.recordedAt = recordedAt
    }
  }

  private let rule: TrustRule
  private var miners: [MinerID: MinerEvidence] = [:]

  package init(rule: TrustRule = .standard) { self.rule = rule }

  package mutating func count(_ report: Report) {
    miners[report.minerID, default: MinerEvidence()].count(
      report.outcome, weight: report.weight, by: report.coordinator, at: report.recordedAt,
      under: rule)
  }

  /// A miner's trust after everything counted so far.
  package func trust(of id: MinerID) -> MinerTrust { miners[id]?.trust ?? .none }
}
