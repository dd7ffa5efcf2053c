import Domain

/// All that coordinators have seen of one miner, with the trust that follows from it.
///
/// The trust is made anew from every coordinator's evidence at each counted report, in byte order
/// of the coordinators' names. So nothing drifts, and the same reports in the same order give the
/// same bits.
package struct MinerEvidence: Equatable, Sendable {
  package private(set) var trust: MinerTrust
  private var pairs: [Pair]

  private struct Pair: Equatable, Sendable {
    let coordinator: String
    var evidence: Evidence
  }

  package init(trust: MinerTrust = .none, byCoordinator: [String: Evidence] = [:]) {
    self.trust = trust
    pairs = byCoordinator.map { Pair(coordinator: $0.key, evidence: $0.value) }
    pairs.sort { Self.precedes($0.coordinator, $1.coordinator) }
  }

  package func evidence(of coordinator: String) -> Evidence? {
    pairs.first { $0.coordinator == coordinator }?.evidence
  }

  /// Counts one outcome. `accepted` says nothing yet, so it changes nothing.
  ///
  /// - Parameters:
  ///   - weight: the evidence that it adds; what `TrustRule` says when it is new.
  ///   - time: when it was recorded; all evidence decays to it.
  package mutating func count(
    _ outcome: Outcome, weight: Double, by coordinator: String, at time: Timestamp,
    under rule: TrustRule
  ) {
    if outcome == .accepted { return }
    let index = index(of: coordinator)
    pairs[index].evidence = rule.adding(
      outcome, weight: weight, at: time, to: pairs[index].evidence)
    pairs[index].evidence.today.add(weight, for: outcome, at: time)
    var (good, bad) = (0.0, 0.0)
    for pair in pairs {
      let now = rule.decayed(pair.evidence, to: time)
      good += now.good
      bad += now.bad
    }
    trust = MinerTrust(
      score: rule.score(good: good, bad: bad), good: good, bad: bad, version: trust.version + 1)
  }

  /// The coordinator's place, made when it is new.
  private mutating func index(of coordinator: String) -> Int {
    let place = pairs.firstIndex { !Self.precedes($0.coordinator, coordinator) } ?? pairs.count
    if place == pairs.count || pairs[place].coordinator != coordinator {
      pairs.insert(Pair(coordinator: coordinator, evidence: .none), at: place)
    }
    return place
  }

  private static func precedes(_ left: String, _ right: String) -> Bool {
    left.utf8.lexicographicallyPrecedes(right.utf8)
  }
}
