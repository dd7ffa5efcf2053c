import Domain

// Looking without touching: what is held of a miner, for whoever compares scorers.

extension MinerHolding {
  package init(_ miner: RegisteredMiner, isLive: Bool, at now: Timestamp) {
    let record = miner.record
    let override = record.priceOverride.flatMap { $0.isInForce(at: now) ? $0.price : nil }
    self.init(
      id: record.id, recordVersion: record.version, isLive: isLive,
      price: override ?? record.profile.price, maxParallel: record.profile.maxParallel,
      trust: miner.trust, status: miner.status)
  }
}

extension BlockIndex {
  /// The price is the last refresh's.
  package func holding(of id: MinerID, at now: Timestamp) -> MinerHolding? {
    guard let row = row(of: id) else { return nil }
    let line = lines[Int(rows[row].slot)]
    let held = details[row]
    return MinerHolding(
      id: id, recordVersion: held.version, isLive: true, price: Price(units: line.price),
      maxParallel: Int(line.slots),
      trust: MinerTrust(
        score: line.trust, good: held.good, bad: held.bad, version: held.trustVersion),
      status: rows[row].live.patch)
  }
}

extension ScanIndex {
  package func holding(of id: MinerID, at now: Timestamp) -> MinerHolding? {
    guard let slot = slots[id] else { return nil }
    return MinerHolding(
      id: id, recordVersion: columns.identity[slot].version, isLive: true,
      price: Price(units: columns.price(of: slot, at: now)),
      maxParallel: columns.maxParallel[slot], trust: columns.trustEvidence[slot],
      status: columns.status[slot])
  }
}
