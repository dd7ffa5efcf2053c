import JSON

/// How a run went.
package struct ChaosReport: Sendable {
  package var seed: UInt64
  package var matches = MatchTally()
  package var feedbackAcknowledged = 0
  package var registrationsAcknowledged = 0
  package var audit = Audit()
  /// Miners in an answer though their lease had been over for more than a second.
  package var staleCandidates: [String] = []
  /// Answers to feedback and registrations that nothing excuses, and reports never acknowledged.
  package var refusals: [String] = []
  /// Answers that differed from the plain index's, as scorers said.
  package var auditDifferences = 0
  /// What was done, with the time until all was whole again.
  package var faults: [(fault: Fault, recovery: Duration)] = []
  /// Matches left out because too many were under way.
  package var skipped = 0

  package init(seed: UInt64) { self.seed = seed }

  /// The longest by kind of fault.
  package var recoveries: [Fault: Duration] {
    faults.reduce(into: [:]) { $0[$1.fault] = max($0[$1.fault] ?? .zero, $1.recovery) }
  }

  /// Matches that ended while scorers died and came back.
  package var whileScorersDied: MatchTally.Counts {
    Fault.allCases.filter(\.killsScorers).compactMap { matches.byFault[$0] }
      .reduce(into: MatchTally.Counts()) { sum, counts in
        sum.sent += counts.sent
        sum.answered += counts.answered
        sum.refused += counts.refused
        sum.failed += counts.failed
        sum.longestGap = max(sum.longestGap, counts.longestGap)
      }
  }

  /// What must never be.
  package var wrongs: [String] {
    var wrongs: [String] = []
    func check(_ count: Int, _ what: String) { if count > 0 { wrongs.append("\(count) \(what)") } }
    check(matches.all.failed, "matches failed")
    check(audit.lostFeedback, "acknowledged reports are lost")
    check(audit.doubledFeedback, "reports are stored twice")
    check(audit.lostRegistrations, "acknowledged registrations are lost")
    check(audit.trustDifferences, "miners have another trust than their feedback makes")
    check(audit.scorerDifferences, "miners are not the same in all scorers and stores")
    if audit.comparedSigns == 0 && !faults.isEmpty {
      wrongs.append("nobody was online at the end, so no signs of life were compared")
    }
    check(staleCandidates.count, "candidates were offline")
    check(refusals.count, "reports or registrations were refused or never acknowledged")
    check(auditDifferences, "answers differ from the plain index's")
    return wrongs
  }

  /// What is aimed at, and was missed.
  package var missedAims: [String] {
    var missed: [String] = []
    let dying = whileScorersDied
    if dying.answeredShare < 0.999 {
      missed.append("less than 99.9 % of the matches were answered while scorers died")
    }
    if dying.longestGap > .seconds(1) {
      missed.append(
        "\(dying.longestGap.milliseconds) ms without an answer after a scorer was killed")
    }
    for (fault, recovery) in recoveries where fault.restartsStore && recovery >= .seconds(5) {
      missed.append("\(recovery.milliseconds) ms to recover from \(fault.rawValue)")
    }
    return missed.sorted()
  }

  package var json: String {
    var json = JSONWriter()
    json.object { json in
      json.field("seed", seed)
      json.objectField("matches") { json in
        json.field("sent", matches.all.sent)
        json.field("answered", matches.all.answered)
        json.field("refused", matches.all.refused)
        json.field("failed", matches.all.failed)
        json.field("longest_gap_ms", matches.all.longestGap.milliseconds)
      }
      json.objectField("feedback") { json in
        json.field("acknowledged", feedbackAcknowledged)
        json.field("lost", audit.lostFeedback)
        json.field("doubled", audit.doubledFeedback)
      }
      json.objectField("registrations") { json in
        json.field("acknowledged", registrationsAcknowledged)
        json.field("lost", audit.lostRegistrations)
      }
      json.field("trust_differences", audit.trustDifferences)
      json.field("scorer_differences", audit.scorerDifferences)
      json.field("stale_candidates", staleCandidates.count)
      json.objectField("recovery_ms") { json in
        for (fault, recovery) in recoveries.sorted(by: { $0.key.rawValue < $1.key.rawValue }) {
          json.field(named: fault.rawValue) { $0.value(recovery.milliseconds) }
        }
      }
    }
    return String(decoding: json.bytes, as: UTF8.self)
  }
}

extension Duration {
  /// Whole ones.
  package var milliseconds: Int { Int(self / .milliseconds(1)) }
}
