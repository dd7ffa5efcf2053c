import Domain

/// How an audit of answers has gone so far.
package struct AuditCounts: Equatable, Sendable {
  /// Answers that were compared.
  package var answers = 0
  /// Those of them that were not the plain index's.
  package var differences = 0

  package init() {}
}

/// An answer that was not the plain index's.
package struct AuditDifference: Equatable, Sendable {
  package var query: MatchQuery
  package var now: Timestamp
  package var leaseTime: Timestamp
  package var answer: MatchAnswer
  /// The plain index's.
  package var expected: MatchAnswer
}

/// A fast index under watch: every change goes to a plain twin too, and a sample of the answers is
/// compared with what that one says, to the bit. What is answered is always the fast one's.
///
/// An audited answer costs a full scan, and the twin a row a miner.
package struct AuditedIndex<Fast: MinerIndex>: MinerIndex {
  private var fast: Fast
  private var plain: ScanIndex
  private var sample: AuditSample
  private var counts = AuditCounts()
  /// The first since somebody took one.
  private var difference: AuditDifference?

  /// - Parameters:
  ///   - share: of the answers that are audited, in [0, 1].
  ///   - seed: of the choice.
  package init(weights: Weights, share: Double, seed: UInt64) {
    fast = Fast(weights: weights)
    plain = ScanIndex(weights: weights)
    sample = AuditSample(share: share, seed: seed)
  }

  /// Audits every answer.
  package init(weights: Weights) { self.init(weights: weights, share: 1, seed: 0) }

  package var audit: AuditCounts? { counts }

  package mutating func takeAuditDifference() -> AuditDifference? { difference.take() }

  package mutating func match(
    _ query: MatchQuery, at now: Timestamp, leaseTime: Timestamp
  ) -> MatchAnswer {
    let answer = fast.match(query, at: now, leaseTime: leaseTime)
    if !sample.next() {
      plain.followMatch(query, at: now, leaseTime: leaseTime)
      return answer
    }
    counts.answers += 1
    let expected = plain.match(query, at: now, leaseTime: leaseTime)
    if !answer.isIdentical(to: expected) {
      counts.differences += 1
      difference =
        difference
        ?? AuditDifference(
          query: query, now: now, leaseTime: leaseTime, answer: answer, expected: expected)
    }
    return answer
  }
}

// Changes, for both.
extension AuditedIndex {
  package mutating func expect(_ changes: ArraySlice<Change>) { fast.expect(changes) }

  package mutating func upsert(_ record: MinerRecord) {
    fast.upsert(record)
    plain.upsert(record)
  }

  @discardableResult
  package mutating func apply(_ patch: StatusPatch, to id: MinerID) -> Bool {
    plain.apply(patch, to: id)
    return fast.apply(patch, to: id)
  }

  @discardableResult
  package mutating func apply(_ trust: MinerTrust, to id: MinerID) -> Bool {
    plain.apply(trust, to: id)
    return fast.apply(trust, to: id)
  }

  package mutating func countOffers(_ difference: Int, to id: MinerID) {
    plain.countOffers(difference, to: id)
    fast.countOffers(difference, to: id)
  }

  @discardableResult
  package mutating func remove(_ id: MinerID) -> RegisteredMiner? {
    plain.remove(id)
    return fast.remove(id)
  }

  package mutating func removeMiners(
    leaseEndedBefore cutoff: Timestamp, limit: Int
  ) -> [RegisteredMiner] {
    let leavers = fast.removeMiners(leaseEndedBefore: cutoff, limit: limit)
    // Of too many the twin would choose others.
    for leaver in leavers { plain.remove(leaver.record.id) }
    return leavers
  }

  package func contains(_ id: MinerID) -> Bool { fast.contains(id) }

  package func holding(of id: MinerID, at now: Timestamp) -> MinerHolding? {
    fast.holding(of: id, at: now)
  }

  package mutating func refresh(at now: Timestamp, leaseTime: Timestamp) {
    fast.refresh(at: now, leaseTime: leaseTime)
    plain.refresh(at: now, leaseTime: leaseTime)
  }

  package mutating func maintain() { fast.maintain() }

  package var statistics: IndexStatistics { fast.statistics }
}

/// Chooses a share of many, at random, so that no rhythm of the requests escapes it.
private struct AuditSample: Sendable {
  let share: Double
  private var state: UInt64

  init(share: Double, seed: UInt64) {
    self.share = share
    state = seed
  }

  mutating func next() -> Bool {
    // Knuth's MMIX generator; its high bits are good enough to choose by.
    state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
    return Double(state >> 11) * 0x1p-53 < share
  }
}

extension MatchAnswer {
  /// The same to the bit and byte: `==` takes 0 and -0 for one number, and two ways to write «é» for
  /// one text.
  package func isIdentical(to other: MatchAnswer) -> Bool {
    self == other && zip(candidates, other.candidates).allSatisfy { $0.isIdentical(to: $1) }
  }
}

extension Candidate {
  fileprivate func isIdentical(to other: Candidate) -> Bool {
    bits == other.bits && ExactText(addr) == ExactText(other.addr)
      && ExactText(region) == ExactText(other.region)
  }

  private var bits: [UInt64] {
    let numbers = [
      score, parts.cap, parts.price, parts.latency, parts.trust, parts.load, trust,
      etaMilliseconds ?? 0,
    ]
    return numbers.map(\.bitPattern)
  }
}
