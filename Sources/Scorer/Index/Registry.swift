import Domain

/// The bounds of a registry's work and memory.
package enum RegistryLimits {
  /// Miners of which something came before their record.
  package static let pendingCount = 100_000
  /// Changes whose memory is asked for at once: more don't fit beside each other in the cache.
  package static let changesTogether = 64
  /// Miners that leave the live index at one tick.
  package static let leaversPerTick = 10_000
}

package struct RegistryStatistics: Equatable, Sendable {
  /// Online miners, as of each region's last refresh.
  package var online: Int
  /// Miners in the live index: what a match without exclusions considers.
  package var live: Int
  /// All registered miners, live or dormant.
  package var known: Int
  /// Miners of which something came before their record.
  package var pending: Int
  package var onlineByRegion: [String: Int]
  /// Over the online miners that gave one; nil when none did.
  package var avgLatencyMilliseconds: Double?
}

/// Every registered miner. Those whose lease ended more than a grace ago lie dormant outside the
/// live index and come back with their next sign of life. Changes may come twice and in any order.
package struct Registry<Index: MinerIndex>: Sendable {
  private var index: Index
  private var dormant: [MinerID: RegisteredMiner] = [:]
  private var pending: [MinerID: PendingMiner] = [:]
  private let graceMilliseconds: Int64

  /// - Parameter weights: none below 0, with a sum above 0.
  package init(weights: Weights, graceMilliseconds: Int64) {
    self.init(index: Index(weights: weights), graceMilliseconds: graceMilliseconds)
  }

  /// - Parameter index: without miners.
  package init(index: Index, graceMilliseconds: Int64) {
    self.index = index
    self.graceMilliseconds = graceMilliseconds
  }

  /// Takes a change in. Revocations and connections are no business of a scorer.
  ///
  /// - Parameter leaseTime: the time that ends leases, as `LeaseClock` says.
  package mutating func apply(_ change: Change, at leaseTime: Timestamp) {
    switch change {
    case .record(let record): apply(record, at: leaseTime)
    case .trust(let id, let trust): apply(trust, to: id)
    case .status(let id, let patch): apply(patch, to: id, at: leaseTime)
    case .revoked, .connected: break
    }
  }

  /// Takes changes in, one after another.
  package mutating func apply(_ changes: [Change], at leaseTime: Timestamp) {
    var start = 0
    while start < changes.count {
      let end = min(start + RegistryLimits.changesTogether, changes.count)
      index.expect(changes[start..<end])
      for change in changes[start..<end] { apply(change, at: leaseTime) }
      start = end
    }
  }

  /// Brings all that is live to another index, as to one with other weights.
  ///
  /// - Parameter makeIndex: makes it, without miners; nobody else may hold it.
  package mutating func move(to makeIndex: () -> Index, leaseTime: Timestamp) {
    var former = makeIndex()
    swap(&former, &index)
    let everAfter = Timestamp(milliseconds: .max)
    while true {
      let miners = former.removeMiners(
        leaseEndedBefore: everAfter, limit: RegistryLimits.leaversPerTick)
      if miners.isEmpty { break }
      for miner in miners { place(miner, at: leaseTime) }
    }
  }

  /// To be called once a second: refreshes tables and numbers, and lets miners go whose grace is
  /// over.
  package mutating func tick(at now: Timestamp, leaseTime: Timestamp) {
    let leavers = index.removeMiners(
      leaseEndedBefore: cutoff(at: leaseTime), limit: RegistryLimits.leaversPerTick)
    for miner in leavers { dormant[miner.record.id] = miner }
    index.refresh(at: now, leaseTime: leaseTime)
  }

  /// To be called ten times a second: the index's work in the background, a little of it.
  package mutating func maintain() { index.maintain() }

  package mutating func tick(at now: Timestamp) { tick(at: now, leaseTime: now) }

  package mutating func match(
    _ query: MatchQuery, at now: Timestamp, leaseTime: Timestamp
  ) -> MatchAnswer {
    index.match(query, at: now, leaseTime: leaseTime)
  }

  package mutating func match(_ query: MatchQuery, at now: Timestamp) -> MatchAnswer {
    match(query, at: now, leaseTime: now)
  }

  /// As `MinerIndex.countOffers`, of miners in the live index.
  package mutating func countOffers(_ difference: Int, to id: MinerID) {
    index.countOffers(difference, to: id)
  }

  /// - Returns: what is held of a miner, live or dormant; nil when none of that id is known.
  package func holding(of id: MinerID, at now: Timestamp) -> MinerHolding? {
    index.holding(of: id, at: now)
      ?? dormant[id].map { MinerHolding($0, isLive: false, at: now) }
  }

  /// How an audit of the answers has gone; nil where there is none.
  package var audit: AuditCounts? { index.audit }

  /// The first answer that an audit found wrong since the last call.
  package mutating func takeAuditDifference() -> AuditDifference? { index.takeAuditDifference() }

  package var statistics: RegistryStatistics {
    let live = index.statistics
    return RegistryStatistics(
      online: live.onlineByRegion.values.reduce(0, +), live: live.minerCount,
      known: live.minerCount + dormant.count, pending: pending.count,
      onlineByRegion: live.onlineByRegion, avgLatencyMilliseconds: live.avgLatencyMilliseconds)
  }
}

extension Registry {
  private mutating func apply(_ record: MinerRecord, at leaseTime: Timestamp) {
    if index.contains(record.id) {
      index.upsert(record)
      return
    }
    if let held = dormant[record.id] {
      if record.version > held.record.version { dormant[record.id]?.record = record.compacted }
      return
    }
    let early = pending.removeValue(forKey: record.id)
    let miner = RegisteredMiner(
      record: record.compacted, trust: early?.trust ?? .none, status: early?.status)
    place(miner, at: leaseTime)
  }

  private mutating func apply(_ trust: MinerTrust, to id: MinerID) {
    if index.apply(trust, to: id) { return }
    if let held = dormant[id] {
      if trust.version >= held.trust.version { dormant[id]?.trust = trust }
      return
    }
    let held = pending[id]?.trust
    if let held, trust.version < held.version { return }
    keepAside(id) { $0.trust = trust }
  }

  private mutating func apply(_ patch: StatusPatch, to id: MinerID, at leaseTime: Timestamp) {
    if index.apply(patch, to: id) { return }
    if var miner = dormant[id] {
      miner.status = miner.status?.merged(with: patch) ?? patch
      place(miner, at: leaseTime)
      return
    }
    keepAside(id) { $0.status = $0.status?.merged(with: patch) ?? patch }
  }

  /// Puts a miner that isn't in the index where it belongs.
  private mutating func place(_ miner: RegisteredMiner, at leaseTime: Timestamp) {
    let id = miner.record.id
    guard let status = miner.status, status.expiresAt >= cutoff(at: leaseTime) else {
      dormant[id] = miner
      return
    }
    dormant[id] = nil
    index.upsert(miner.record)
    index.apply(miner.trust, to: id)
    index.apply(status, to: id)
  }

  private func cutoff(at leaseTime: Timestamp) -> Timestamp {
    leaseTime.advanced(byMilliseconds: -graceMilliseconds)
  }

  /// Keeps what came before the record; when there is too much of that, any one of it gives way.
  private mutating func keepAside(_ id: MinerID, _ change: (inout PendingMiner) -> Void) {
    if pending[id] == nil && pending.count >= RegistryLimits.pendingCount {
      pending.remove(at: pending.startIndex)
    }
    change(&pending[id, default: PendingMiner()])
  }
}

private struct PendingMiner: Sendable {
  var trust: MinerTrust?
  var status: StatusPatch?
}

extension MinerRecord {
  /// The record without what no match reads.
  fileprivate var compacted: MinerRecord {
    var record = self
    record.profile.gpuName = ""
    record.profile.walletAddress = nil
    record.profile.chainID = nil
    record.priceOverride?.reason = ""
    return record
  }
}
