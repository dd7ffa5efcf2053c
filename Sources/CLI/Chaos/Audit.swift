import Domain
import Trust

/// What is compared at the end. Pure: what was acknowledged against what is stored, what is stored against
/// the rules, and what each scorer holds against what is stored and what the others hold.
package struct Audit: Equatable, Sendable {
  package var lostFeedback = 0
  package var doubledFeedback = 0
  package var lostRegistrations = 0
  /// Miners whose stored trust isn't what their stored feedback makes.
  package var trustDifferences = 0
  /// Miners of which scorers hold something else than the stores or than each other.
  package var scorerDifferences = 0
  /// Miners that were compared, and those of them whose signs of life were.
  package var comparedMiners = 0
  package var comparedSigns = 0
  /// The first few of all that is wrong, for people.
  package var notes: [String] = []

  private static let noteLimit = 20

  package init() {}

  package mutating func compare(
    acknowledged feedback: Set<Ledger.Feedback>, with stored: StoredState
  ) {
    for report in feedback where stored.feedback[report] == nil {
      lostFeedback += 1
      note("lost: \(report.outcome) of \(report.minerID) for \(report.jobID)")
    }
    for (report, count) in stored.feedback where count > 1 {
      doubledFeedback += 1
      note("\(count) times: \(report.outcome) of \(report.minerID) for \(report.jobID)")
    }
  }

  package mutating func compare(
    acknowledged registrations: [String: Ledger.Registration], with stored: StoredState
  ) {
    for (name, registration) in registrations {
      let miner = MinerID(name).flatMap { stored.miners[$0] }
      if let miner, registration.allows(miner.price) { continue }
      lostRegistrations += 1
      let price = registration.price.map { "\($0)" } ?? "any price"
      let found = miner.map { "\($0.price)" } ?? "nothing"
      note("registration lost: \(name), acknowledged at \(price), stored: \(found)")
    }
  }

  package mutating func replayTrust(of stored: StoredState, rule: TrustRule = .standard) {
    var replay = TrustReplay(rule: rule)
    for report in stored.reports { replay.count(report) }
    for (id, miner) in stored.miners where replay.trust(of: id) != miner.trust {
      trustDifferences += 1
      note("trust of \(id): stored \(miner.trust), replayed \(replay.trust(of: id))")
    }
  }

  /// - Parameters:
  ///   - holdings: what each scorer holds, by its name.
  ///   - moment: miners whose lease goes on after it are compared with their signs of life, too. What
  ///     was said by others no match reads any more.
  package mutating func compare(
    scorers holdings: [String: [MinerHolding]], with stored: StoredState,
    onlineAt moment: Timestamp
  ) {
    let scorers = holdings.mapValues { list in
      Dictionary(list.map { ($0.id, $0) }) { first, _ in first }
    }.sorted { $0.key < $1.key }
    for (id, miner) in stored.miners {
      let held = scorers.map { (name: $0.key, holding: $0.value[id]) }
      let statuses = held.map { $0.holding?.status }
      let isOnline = statuses.contains { $0.map { $0.expiresAt > moment } ?? false }
      comparedMiners += 1
      if isOnline { comparedSigns += 1 }
      let wrong = held.first { !miner.agrees($0.holding) }
      let doSignsDiffer = isOnline && statuses.contains { $0 != statuses[0] }
      guard wrong != nil || doSignsDiffer else { continue }
      scorerDifferences += 1
      if let wrong {
        note(
          "\(wrong.name) holds of \(id): \(wrong.holding.map { "\($0)" } ?? "nothing"); stored: \(miner)"
        )
      } else {
        note(
          "\(id): "
            + held.map { "\($0.name): \($0.holding?.status.map { "\($0)" } ?? "nothing")" }
            .joined(separator: "; "))
      }
    }
  }

  private mutating func note(_ text: String) {
    if notes.count < Self.noteLimit { notes.append(text) }
  }
}

extension Ledger.Registration {
  fileprivate func allows(_ stored: Price) -> Bool {
    price == nil || price == stored || unansweredPrices.contains(stored)
  }
}

extension StoredState.Miner {
  fileprivate func agrees(_ holding: MinerHolding?) -> Bool {
    guard let holding else { return false }
    return holding.recordVersion == version && holding.price == price && holding.trust == trust
  }
}
