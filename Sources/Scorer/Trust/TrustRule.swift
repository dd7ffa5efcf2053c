import Domain
import Glibc

/// How evidence becomes trust: beta reputation with exponential forgetting.
///
/// Jøsang and Ismail, "The Beta Reputation System" (2002): the expected value of a beta
/// distribution whose parameters are a prior plus the good and the bad evidence; evidence loses
/// half its weight each half-life.
package struct TrustRule: Equatable, Sendable {
  package var priorGood = 2.0
  package var priorBad = 2.0
  package var halfLifeMilliseconds = 30.0 * 24 * 60 * 60 * 1_000
  /// Good evidence of a completed job.
  package var completedWeight = 1.0
  /// Bad evidence of a failed job.
  package var failedWeight = 1.0
  /// Bad evidence of a rejected job.
  package var rejectedWeight = 0.25
  /// The most evidence, good and bad together, that one coordinator has about one miner.
  package var pairCap = 20.0
  /// What a report counts that is about no match of this hub, as a share of what it would.
  package var unprovenShare = 0.25
  /// The most good evidence, and the most bad, that one coordinator can add about one miner in a day.
  package var goodPerPairDay = 5.0
  package var badPerPairDay = 20.0
  /// The most evidence that one coordinator can add in a day, about all miners together.
  package var coordinatorDay = 10_000.0

  package static let standard = TrustRule()

  package init() {}

  /// The evidence that an outcome adds, 0 for one that says nothing.
  package func weight(of outcome: Outcome) -> Double {
    switch outcome {
    case .accepted: 0
    case .completed: completedWeight
    case .failed: failedWeight
    case .rejected: rejectedWeight
    }
  }

  /// `(prior good + good) / (prior good + prior bad + good + bad)`, in (0, 1).
  package func score(good: Double, bad: Double) -> Double {
    (priorGood + good) / (priorGood + priorBad + good + bad)
  }

  /// `evidence` as it stands at `time`. A clock that went backwards changes nothing.
  package func decayed(_ evidence: Evidence, to time: Timestamp) -> Evidence {
    guard time > evidence.updatedAt else { return evidence }
    let elapsed = Double(time.milliseconds(since: evidence.updatedAt))
    let factor = exp2(-elapsed / halfLifeMilliseconds)
    var result = evidence
    result.good *= factor
    result.bad *= factor
    result.updatedAt = time
    return result
  }

  /// `evidence` scaled down to the cap, its mix kept.
  package func capped(_ evidence: Evidence) -> Evidence {
    let sum = evidence.good + evidence.bad
    guard sum > pairCap else { return evidence }
    let factor = pairCap / sum
    var result = evidence
    result.good *= factor
    result.bad *= factor
    return result
  }

  /// `evidence` after one more outcome at `time`: decayed, added to, capped.
  package func adding(
    _ outcome: Outcome, weight: Double, at time: Timestamp, to evidence: Evidence
  ) -> Evidence {
    var result = decayed(evidence, to: time)
    switch outcome {
    case .accepted: break
    case .completed: result.good += weight
    case .failed, .rejected: result.bad += weight
    }
    return capped(result)
  }
}

/// What one coordinator has seen of one miner, as it stood at `updatedAt`.
package struct Evidence: Equatable, Sendable {
  package var good: Double
  package var bad: Double
  package var updatedAt: Timestamp
  /// What was added on the last day, before any decay.
  package var today: DailyEvidence

  package static let none = Evidence(good: 0, bad: 0, updatedAt: .distantPast)

  package init(good: Double, bad: Double, updatedAt: Timestamp, today: DailyEvidence = .none) {
    self.good = good
    self.bad = bad
    self.updatedAt = updatedAt
    self.today = today
  }
}
