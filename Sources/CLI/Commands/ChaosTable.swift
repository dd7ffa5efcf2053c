import Chaos

/// A chaos run's report for a person.
enum ChaosTable {
  static func text(_ report: ChaosReport) -> String {
    [
      "seed \(report.seed): \(report.faults.count) faults, \(report.skipped) matches left out", "",
      matches(report), "", audit(report), "", verdict(report),
    ].joined(separator: "\n")
  }

  private static func matches(_ report: ChaosReport) -> String {
    var table = TextTable([
      ("matches", .left), ("sent", .right), ("answered", .right), ("refused (503)", .right),
      ("failed", .right), ("longest gap ms", .right), ("times", .right), ("recovery ms", .right),
    ])
    func add(_ what: String, _ counts: MatchTally.Counts, _ times: String, _ recovery: String) {
      table.add([
        what, Format.count(counts.sent), Format.count(counts.answered),
        Format.count(counts.refused), Format.count(counts.failed),
        Format.count(counts.longestGap.milliseconds), times, recovery,
      ])
    }
    add("all", report.matches.all, "", "")
    add("while scorers died", report.whileScorersDied, "", "")
    let recoveries = report.recoveries
    for fault in Fault.allCases {
      guard let recovery = recoveries[fault] else { continue }
      add(
        fault.rawValue, report.matches.byFault[fault] ?? MatchTally.Counts(),
        Format.count(report.faults.count { $0.fault == fault }),
        Format.count(recovery.milliseconds))
    }
    return table.text
  }

  private static func audit(_ report: ChaosReport) -> String {
    var table = TextTable([("audit", .left), ("of", .right), ("wrong", .right)])
    func add(_ what: String, _ all: Int?, _ wrong: Int) {
      table.add([what, all.map { Format.count($0) } ?? "", Format.count(wrong)])
    }
    add("feedback lost", report.feedbackAcknowledged, report.audit.lostFeedback)
    add("feedback doubled", nil, report.audit.doubledFeedback)
    add("registrations lost", report.registrationsAcknowledged, report.audit.lostRegistrations)
    add(
      "trust that its feedback doesn't make", report.audit.comparedMiners,
      report.audit.trustDifferences)
    add(
      "miners that scorers disagree on", report.audit.comparedMiners, report.audit.scorerDifferences
    )
    add("candidates that were offline", nil, report.staleCandidates.count)
    add("answers unlike the plain index's", nil, report.auditDifferences)
    return table.text
  }

  private static func verdict(_ report: ChaosReport) -> String {
    let wrongs = report.wrongs.map { "WRONG: \($0)" }
    let missed = report.missedAims.map { "missed: \($0)" }
    return wrongs.isEmpty && missed.isEmpty
      ? "nothing is wrong and every aim was reached" : (wrongs + missed).joined(separator: "\n")
  }
}
