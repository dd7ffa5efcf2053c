import Domain
import Index
import Testing

/// The indexes of which all have to answer the same.
enum IndexKind: CaseIterable, Sendable, CustomTestStringConvertible {
  case plain, block, audited

  var testDescription: String {
    switch self {
    case .plain: "the plain index"
    case .block: "the block index"
    case .audited: "the audited index"
    }
  }

  func index() -> any MinerIndex {
    switch self {
    case .plain: ScanIndex()
    case .block: BlockIndex()
    case .audited: AuditedIndex<BlockIndex>()
    }
  }

  func registry(
    weights: Weights = .standard, graceMilliseconds: Int64
  ) -> any TestedRegistry {
    switch self {
    case .plain: Registry<ScanIndex>(weights: weights, graceMilliseconds: graceMilliseconds)
    case .block: Registry<BlockIndex>(weights: weights, graceMilliseconds: graceMilliseconds)
    case .audited:
      Registry<AuditedIndex<BlockIndex>>(weights: weights, graceMilliseconds: graceMilliseconds)
    }
  }
}

/// A registry over any index.
protocol TestedRegistry {
  mutating func apply(_ change: Change, at leaseTime: Timestamp)
  mutating func countOffers(_ difference: Int, to id: MinerID)
  mutating func tick(at now: Timestamp, leaseTime: Timestamp)
  mutating func match(_ query: MatchQuery, at now: Timestamp, leaseTime: Timestamp) -> MatchAnswer
  var statistics: RegistryStatistics { get }
  var audit: AuditCounts? { get }
}

extension Registry: TestedRegistry {}

extension TestedRegistry {
  mutating func tick(at now: Timestamp) { tick(at: now, leaseTime: now) }

  mutating func match(_ query: MatchQuery, at now: Timestamp) -> MatchAnswer {
    match(query, at: now, leaseTime: now)
  }
}
