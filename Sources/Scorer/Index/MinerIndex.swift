import Domain

/// Everything that an index holds of a miner.
package struct RegisteredMiner: Equatable, Sendable {
  package var record: MinerRecord
  package var trust: MinerTrust
  /// All signs of life so far as one; nil when there was none.
  package var status: StatusPatch?

  package init(record: MinerRecord, trust: MinerTrust = .none, status: StatusPatch? = nil) {
    self.record = record
    self.trust = trust
    self.status = status
  }
}

package struct IndexStatistics: Equatable, Sendable {
  package var minerCount: Int
  /// One entry a region that has miners, as of that region's last refresh.
  package var onlineByRegion: [String: Int]
  /// Over the online miners that gave one; nil when none did.
  package var avgLatencyMilliseconds: Double?

  package init(
    minerCount: Int, onlineByRegion: [String: Int], avgLatencyMilliseconds: Double? = nil
  ) {
    self.minerCount = minerCount
    self.onlineByRegion = onlineByRegion
    self.avgLatencyMilliseconds = avgLatencyMilliseconds
  }
}

/// The live miners, and the best of them for a request. Answers are exact. Time is always given:
/// `now` ends price overrides, `leaseTime` ends leases (it stands still while nobody could hear
/// the miners' signs of life, see `LeaseClock`).
package protocol MinerIndex: Sendable {
  /// - Parameter weights: none below 0, with a sum above 0.
  init(weights: Weights)

  /// Takes a miner in, or its newer record; one that isn't newer than what is held is ignored.
  /// A miner that is new has no evidence of trust and is offline.
  mutating func upsert(_ record: MinerRecord)

  /// Merges a sign of life, as `StatusPatch.merged` does.
  ///
  /// - Returns: false when no such miner is held.
  @discardableResult
  mutating func apply(_ patch: StatusPatch, to id: MinerID) -> Bool

  /// Says which changes come next, all soon: an index may ask for their memory ahead.
  mutating func expect(_ changes: ArraySlice<Change>)

  /// Takes a miner's trust, unless the version held is newer.
  ///
  /// - Returns: false when no such miner is held.
  @discardableResult
  mutating func apply(_ trust: MinerTrust, to id: MinerID) -> Bool

  /// Counts so many more of a miner's slots as just offered, or fewer: to a match that is spread it is full when
  /// those are all its free ones. A miner that isn't held has none.
  mutating func countOffers(_ difference: Int, to id: MinerID)

  /// Lets a miner go.
  ///
  /// - Returns: what was held of it, as far as a match reads it; nil when no such miner is held.
  @discardableResult
  mutating func remove(_ id: MinerID) -> RegisteredMiner?

  /// Lets miners go whose lease ended before `cutoff`, at most `limit` of them at once.
  mutating func removeMiners(leaseEndedBefore cutoff: Timestamp, limit: Int) -> [RegisteredMiner]

  func contains(_ id: MinerID) -> Bool

  /// - Returns: what is held of a miner, in short; nil when no such miner is held.
  func holding(of id: MinerID, at now: Timestamp) -> MinerHolding?

  /// What is done on a clock, once a second: percentile tables and numbers of online miners.
  mutating func refresh(at now: Timestamp, leaseTime: Timestamp)

  /// What an index has to do in the background, a little of it: to be called ten times a second.
  mutating func maintain()

  /// The best `topK` of the miners that pass every filter. Counts are given when there is none
  /// or when the query asks for them.
  mutating func match(_ query: MatchQuery, at now: Timestamp, leaseTime: Timestamp) -> MatchAnswer

  var statistics: IndexStatistics { get }

  /// How an audit of the answers has gone; nil where there is none.
  var audit: AuditCounts? { get }

  /// The first answer that an audit found wrong since the last call.
  mutating func takeAuditDifference() -> AuditDifference?
}

extension MinerIndex {
  package mutating func expect(_ changes: ArraySlice<Change>) {}

  package mutating func maintain() {}

  package mutating func refresh(at now: Timestamp) { refresh(at: now, leaseTime: now) }

  package mutating func match(_ query: MatchQuery, at now: Timestamp) -> MatchAnswer {
    match(query, at: now, leaseTime: now)
  }

  package var audit: AuditCounts? { nil }

  package mutating func takeAuditDifference() -> AuditDifference? { nil }
}
