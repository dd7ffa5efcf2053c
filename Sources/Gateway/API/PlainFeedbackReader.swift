import Domain
import JSON

/// Reads the report that a coordinator sends in the ordinary course in one walk over its bytes, as
/// `PlainMatchReader` reads a match: it knows only how to succeed, and where it does, its result is the
/// general way's.
struct PlainFeedbackReader: PlainObjectReader {
  enum Field: UInt32 {
    case jobID, minerID, outcome, latency, failCode, tokens, offer
  }

  var scanner: JSONScanner
  private var jobID: String?
  private var minerID: MinerID?
  private var outcome: Outcome?
  private var latency: Double?
  private var failCode: String?
  private var tokens: Price?
  private var offer: String?

  /// - Returns: nil when the general way has to read it.
  static func read(_ bytes: UnsafeRawBufferPointer, of coordinator: String) -> FeedbackRequest? {
    var reader = PlainFeedbackReader(scanner: JSONScanner(bytes))
    guard reader.readObject(), reader.scanner.isAtEnd(), let jobID = reader.jobID,
      let minerID = reader.minerID, let outcome = reader.outcome
    else { return nil }
    var report = FeedbackReport(
      coordinator: coordinator, jobID: jobID, minerID: minerID, outcome: outcome)
    report.latencyMilliseconds = reader.latency
    report.failCode = reader.failCode
    report.tokensSpent = reader.tokens?.units
    return FeedbackRequest(report: report, offer: reader.offer)
  }

  private init(scanner: JSONScanner) { self.scanner = scanner }

  /// The fields' names are all of different lengths.
  static func field(_ name: UnsafeRawBufferPointer) -> Field? {
    let known: (StaticString, Field)
    switch name.count {
    case 5: known = ("offer", .offer)
    case 6: known = ("job_id", .jobID)
    case 7: known = ("outcome", .outcome)
    case 8: known = ("miner_id", .minerID)
    case 9: known = ("fail_code", .failCode)
    case 10: known = ("latency_ms", .latency)
    case 12: known = ("tokens_spent", .tokens)
    default: return nil
    }
    for index in 0..<name.count where name[index] != known.0.utf8Start[index] { return nil }
    return known.1
  }

  /// A null is for the general way.
  mutating func readValue(of field: Field) -> Bool {
    switch field {
    case .jobID:
      jobID = text(1...Limits.jobIDBytes)
      return jobID != nil
    case .minerID:
      minerID = scanner.text().flatMap { MinerID($0) }
      return minerID != nil
    case .outcome:
      outcome = scanner.text().flatMap { Outcome(rawValue: $0) }
      return outcome != nil
    case .latency:
      guard let number = scanner.decimal()?.double, Limits.latencyMilliseconds.contains(number)
      else { return false }
      latency = number
    case .failCode:
      failCode = text(0...Limits.nameBytes)
      return failCode != nil
    case .tokens:
      tokens = scanner.decimal().flatMap { Price($0) }
      return tokens != nil
    case .offer:
      offer = text(FeedbackRequest.offerBytes)
      return offer != nil
    }
    return true
  }

  private mutating func text(_ byteCount: ClosedRange<Int>) -> String? {
    guard let text = scanner.text(), byteCount.contains(text.utf8.count) else { return nil }
    return text
  }
}
