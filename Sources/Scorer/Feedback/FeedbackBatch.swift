import Domain
import Trust

/// Decides what becomes of a batch of reports, given all that is stored about them. Pure: the store
/// reads what it is made from under locks, and writes what it ends with.
struct FeedbackBatch {
  /// How long an idempotency key stands for its report.
  static let keyLifetimeMilliseconds: Int64 = 24 * 60 * 60 * 1_000
  /// Over any limit that the contract sets for a text, and well under what an index takes.
  static let textByteLimit = 512

  /// What makes two reports the same.
  struct Subject: Hashable {
    let coordinator: ExactText
    let jobID: ExactText
    let minerID: MinerID
    let outcome: Outcome

    init(_ report: FeedbackReport) {
      coordinator = ExactText(report.coordinator)
      jobID = ExactText(report.jobID)
      minerID = report.minerID
      outcome = report.outcome
    }
  }

  /// A report that was counted, now or earlier.
  struct Counted {
    var id: Int64
    var minerID: MinerID
    var trustBefore: Double
    var trustAfter: Double
    /// The evidence that it added.
    var weight: Double
  }

  struct KeyName: Hashable {
    let coordinator: String
    let key: String
  }

  /// What an idempotency key stands for.
  struct KeyUse {
    var body: [UInt8]
    var counted: Counted
    var usedAt: Timestamp
  }

  struct NewReport {
    var report: FeedbackReport
    var counted: Counted
  }

  struct Pair: Hashable {
    let minerID: MinerID
    let coordinator: String
  }

  let now: Timestamp
  private(set) var miners: [MinerID: MinerEvidence]
  /// What each coordinator has added on its last day.
  private(set) var coordinators: [String: DailyEvidence]
  private(set) var newReports: [NewReport] = []
  private(set) var newKeys: [KeyName: KeyUse] = [:]
  private(set) var changedPairs: Set<Pair> = []
  private(set) var changedMiners: Set<MinerID> = []
  private(set) var changedCoordinators: Set<String> = []

  private let rule: TrustRule
  private let ids: [Int64]
  private var counted: [Subject: Counted]
  private var keys: [KeyName: KeyUse]

  /// - Parameter ids: ascending, one for each report that may turn out new.
  init(
    miners: [MinerID: MinerEvidence], coordinators: [String: DailyEvidence],
    counted: [Subject: Counted], keys: [KeyName: KeyUse], now: Timestamp, ids: [Int64],
    rule: TrustRule
  ) {
    self.miners = miners
    self.coordinators = coordinators
    self.counted = counted
    self.keys = keys
    self.now = now
    self.ids = ids
    self.rule = rule
  }

  mutating func record(_ report: FeedbackReport) -> Result<FeedbackReceipt, FeedbackError> {
    guard Self.isStorable(report) else { return .failure(.invalidText) }
    let name = report.idempotencyKey.map { KeyName(coordinator: report.coordinator, key: $0) }
    let body = name == nil ? [] : Self.body(of: report)
    if let name, let use = keys[name], isAlive(use) {
      if use.body != body { return .failure(.keyReusedWithAnotherBody) }
      return .success(receipt(use.counted, isDuplicate: true))
    }
    guard let evidence = miners[report.minerID] else { return .failure(.unknownMiner) }
    let subject = Subject(report)
    let earlier = counted[subject]
    let result = earlier ?? count(report, on: evidence)
    counted[subject] = result
    if let name {
      let use = KeyUse(body: body, counted: result, usedAt: now)
      keys[name] = use
      newKeys[name] = use
    }
    return .success(receipt(result, isDuplicate: earlier != nil))
  }

  /// Whether a store can hold its texts. One that it can't would undo the whole batch.
  static func isStorable(_ report: FeedbackReport) -> Bool {
    let texts = [report.coordinator, report.jobID, report.failCode, report.idempotencyKey]
    return texts.allSatisfy { text in
      guard let text else { return true }
      return text.utf8.count <= textByteLimit && !text.utf8.contains(0)
    }
  }

  /// A report's body in a form that is equal just when the bodies are.
  static func body(of report: FeedbackReport) -> [UInt8] {
    let latency = report.latencyMilliseconds.map { String($0.bitPattern) } ?? ""
    let tokens = report.tokensSpent.map { String($0) } ?? ""
    let failCode = report.failCode.map { "=" + $0 } ?? ""
    var parts = [
      report.jobID, report.minerID.text, report.outcome.rawValue, latency, tokens, failCode,
    ]
    // Left out where there is none, as before there were offers: bodies that are stored stay equal.
    if let offer = report.offer {
      parts.append("\(offer.madeAt.milliseconds) \(offer.price.units)")
    }
    return Array(parts.joined(separator: "\0").utf8)
  }

  private mutating func count(_ report: FeedbackReport, on evidence: MinerEvidence) -> Counted {
    let coordinator = report.coordinator
    let known = evidence.evidence(of: coordinator)
    let weight = rule.weight(
      of: report.outcome, isProven: report.offer != nil, at: now, pair: known?.today ?? .none,
      coordinator: coordinators[coordinator] ?? .none)
    var evidence = evidence
    let before = evidence.trust
    evidence.count(
      report.outcome, weight: weight, by: coordinator, at: now, under: rule)
    if evidence.trust.version != before.version {
      miners[report.minerID] = evidence
      changedMiners.insert(report.minerID)
      changedPairs.insert(Pair(minerID: report.minerID, coordinator: coordinator))
      coordinators[coordinator, default: .none].add(weight, for: report.outcome, at: now)
      changedCoordinators.insert(coordinator)
    }
    let counted = Counted(
      id: ids[newReports.count], minerID: report.minerID, trustBefore: before.score,
      trustAfter: evidence.trust.score, weight: weight)
    newReports.append(NewReport(report: report, counted: counted))
    return counted
  }

  private func isAlive(_ use: KeyUse) -> Bool {
    use.usedAt.milliseconds > now.milliseconds - Self.keyLifetimeMilliseconds
  }

  private func receipt(_ counted: Counted, isDuplicate: Bool) -> FeedbackReceipt {
    FeedbackReceipt(
      minerID: counted.minerID, isDuplicate: isDuplicate, trustScore: counted.trustAfter,
      previousTrustScore: counted.trustBefore, evidence: counted.weight)
  }
}
