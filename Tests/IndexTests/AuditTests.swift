import Domain
import Index
import Testing

/// A plain index with one fault.
struct FaultyIndex: MinerIndex {
  enum Fault: CaseIterable, Sendable {
    case order, lowestScoreBit, signOfZero, partOnly, missingCandidate, wrongCount, noCounts
    case lostTrust, lostStatus, lostOffers, address, accent
  }

  @TaskLocal static var fault: Fault?

  private var index: ScanIndex

  init(weights: Weights) { index = ScanIndex(weights: weights) }

  mutating func match(_ query: MatchQuery, at now: Timestamp, leaseTime: Timestamp) -> MatchAnswer {
    var answer = index.match(query, at: now, leaseTime: leaseTime)
    switch Self.fault {
    case .order: answer.candidates.swapAt(0, 1)
    case .lowestScoreBit: answer.candidates[0].score = answer.candidates[0].score.nextUp
    case .signOfZero: answer.candidates[0].parts.trust = -0.0
    case .partOnly: answer.candidates[0].parts.latency = 0.25
    case .missingCandidate: answer.candidates.removeLast()
    case .wrongCount: answer.counts?.rejected[0] += 1
    case .noCounts: answer.counts = nil
    case .address: answer.candidates[0].addr = "elsewhere"
    case .accent: answer.candidates[0].region = "e\u{301}"
    case .lostTrust, .lostStatus, .lostOffers, nil: break
    }
    return answer
  }

  mutating func upsert(_ record: MinerRecord) { index.upsert(record) }

  mutating func apply(_ patch: StatusPatch, to id: MinerID) -> Bool {
    Self.fault == .lostStatus && patch.queueLength == 3 || index.apply(patch, to: id)
  }

  mutating func apply(_ trust: MinerTrust, to id: MinerID) -> Bool {
    Self.fault == .lostTrust || index.apply(trust, to: id)
  }

  mutating func countOffers(_ difference: Int, to id: MinerID) {
    if Self.fault != .lostOffers { index.countOffers(difference, to: id) }
  }

  mutating func remove(_ id: MinerID) -> RegisteredMiner? { index.remove(id) }

  mutating func removeMiners(
    leaseEndedBefore cutoff: Timestamp, limit: Int
  ) -> [RegisteredMiner] {
    // Others than the plain index would choose, when there are too many.
    let all = index.removeMiners(leaseEndedBefore: cutoff, limit: .max)
    for miner in all.dropLast(limit) {
      index.upsert(miner.record)
      index.apply(miner.trust, to: miner.record.id)
      if let status = miner.status { index.apply(status, to: miner.record.id) }
    }
    return Array(all.suffix(limit))
  }

  func contains(_ id: MinerID) -> Bool { index.contains(id) }

  func holding(of id: MinerID, at now: Timestamp) -> MinerHolding? {
    index.holding(of: id, at: now)
  }

  mutating func refresh(at now: Timestamp, leaseTime: Timestamp) {
    index.refresh(at: now, leaseTime: leaseTime)
  }

  var statistics: IndexStatistics { index.statistics }
}

@Suite struct AuditTests {
  /// Three miners, the first of them the best, although nobody trusts it.
  private func peopled<Fast: MinerIndex>(
    _: Fast.Type, share: Double = 1
  ) -> AuditedIndex<Fast> {
    var index = AuditedIndex<Fast>(weights: .standard, share: share, seed: 5)
    for name in ["a", "b", "c"] {
      index.upsert(
        record(name) {
          $0.region = "é"
          $0.price = Price(units: name == "a" ? 0 : 100)
        })
      index.apply(trust(0), to: id(name))
      index.apply(patch { $0.queueLength = 3 }, to: id(name))
    }
    index.countOffers(1, to: id("c"))
    return index
  }

  @Test("an index without a fault shows no difference")
  func sound() {
    var index = peopled(FaultyIndex.self)
    for _ in 0..<10 { _ = index.match(query(), at: noon) }
    #expect(index.audit?.answers == 10)
    #expect(index.audit?.differences == 0)
    let difference = index.takeAuditDifference()
    #expect(difference == nil)
    #expect(ScanIndex().audit == nil)
  }

  @Test("every kind of fault shows as a difference", arguments: FaultyIndex.Fault.allCases)
  func faulty(fault: FaultyIndex.Fault) throws {
    try FaultyIndex.$fault.withValue(fault) {
      var index = peopled(FaultyIndex.self)
      let query = query { $0.isSpread = true }
      let answer = index.match(query, at: noon)
      #expect(index.audit?.answers == 1)
      #expect(index.audit?.differences == 1)
      let taken = index.takeAuditDifference()
      let difference = try #require(taken)
      #expect(difference.answer.isIdentical(to: answer), "the fast index's is the one given")
      #expect(!difference.expected.isIdentical(to: answer))
      #expect(difference.query == query && difference.now == noon)
    }
  }

  @Test("the first difference is kept until it is taken, and all are counted")
  func firstDifference() {
    FaultyIndex.$fault.withValue(.noCounts) {
      var registry = Registry(index: peopled(FaultyIndex.self), graceMilliseconds: 1_000)
      for topK in [3, 2, 1] { _ = registry.match(query { $0.topK = topK }, at: noon) }
      #expect(registry.audit?.differences == 3)
      var taken = [registry.takeAuditDifference(), registry.takeAuditDifference()]
      _ = registry.match(query { $0.topK = 4 }, at: noon)
      taken.append(registry.takeAuditDifference())
      #expect(taken.map { $0?.query.topK } == [3, nil, 4])
      #expect(registry.audit?.differences == 4)
    }
  }

  @Test("the share says how many are audited", arguments: [0, 0.01, 0.25, 0.9, 1])
  func share(share: Double) {
    var index = peopled(ScanIndex.self, share: share)
    for _ in 0..<10_000 { _ = index.match(query(), at: noon) }
    let audited = Double(index.audit?.answers ?? -1) / 10_000
    #expect(abs(audited - share) < 0.02)
    if share == 0 || share == 1 { #expect(audited == share) }
    #expect(index.audit?.differences == 0)
  }

  @Test("what unaudited matches did to the tables, the plain index has too")
  func tablesOfUnauditedMatches() {
    var index = AuditedIndex<ScanIndex>(weights: .standard, share: 0.3, seed: 1)
    let (eu, anywhere) = (query { $0.region = "eu" }, query())
    var now = noon
    for round in 0..<40 {
      // Back and forth over what makes a region large, with matches all the way.
      for number in 240..<270 {
        let name = "m\(number)"
        if round.isMultiple(of: 2) {
          index.upsert(
            record(name, version: Int64(round + 1)) {
              $0.region = "eu"
              $0.price = Price(units: Int64(number * (round + 1)))
            })
          index.apply(patch(at: now) { $0.avgLatencyMilliseconds = Double(number) }, to: id(name))
        } else {
          index.remove(id(name))
        }
        _ = index.match(number.isMultiple(of: 3) ? anywhere : eu, at: now)
      }
      if round == 0 { for number in 0..<240 { join(number, &index, now) } }
      if round.isMultiple(of: 3) { index.refresh(at: now) }
      now = now.advanced(byMilliseconds: 100)
    }
    #expect(index.audit?.answers ?? 0 > 200)
    #expect(index.audit?.differences == 0)
  }

  private func join(_ number: Int, _ index: inout AuditedIndex<ScanIndex>, _ now: Timestamp) {
    index.upsert(
      record("m\(number)") {
        $0.region = "eu"
        $0.price = Price(units: Int64(number))
      })
    index.apply(patch(at: now), to: id("m\(number)"))
  }

  @Test("of too many leavers at once the same leave both")
  func leavers() {
    var index = peopled(FaultyIndex.self)
    let late = noon.advanced(byMilliseconds: 60_001)
    let leavers = index.removeMiners(leaseEndedBefore: late, limit: 1)
    #expect(leavers.map(\.record.id) == [id("c")])
    #expect(index.match(query(), at: noon).candidates.count == 2)
    #expect(index.audit?.differences == 0)
  }
}
