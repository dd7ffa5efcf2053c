import Domain

/// The plain index: a row a miner in columns, all of them looked at for each match. What `BlockIndex`
/// answers has to equal what this one does.
package struct ScanIndex: MinerIndex {
  /// From this many miners on a region's tables are refreshed on the clock instead of for a match.
  package static let largeRegionCount = 256

  let weights: Weights
  var columns = MinerColumns()
  var slots: [MinerID: Int] = [:]
  /// Rows without a miner.
  var freeSlots: [Int] = []
  var regions = RegionList()
  var accelerators = StringTable()
  var capabilities = StringTable()
  var tags = StringTable()
  var services = StringTable()
  var builder = PercentileTable.Builder()

  package init(weights: Weights) { self.weights = weights }

  package func contains(_ id: MinerID) -> Bool { slots[id] != nil }

  package mutating func upsert(_ record: MinerRecord) {
    let identity = MinerIdentity(
      id: record.id, version: record.version, addr: record.profile.addr,
      proto: record.profile.proto)
    guard let slot = slots[record.id] else {
      let slot = takeSlot(identity)
      slots[record.id] = slot
      joinRegion(record.profile.region, slot)
      write(record, to: slot)
      return
    }
    guard record.version > columns.identity[slot].version else { return }
    columns.identity[slot] = identity
    if ExactText(regions[columns.region[slot]].name) != ExactText(record.profile.region) {
      leaveRegion(slot)
      joinRegion(record.profile.region, slot)
    }
    releaseStrings(of: slot)
    write(record, to: slot)
  }

  @discardableResult
  package mutating func apply(_ patch: StatusPatch, to id: MinerID) -> Bool {
    guard let slot = slots[id] else { return false }
    let oldDeadline = columns.deadline[slot]
    let oldLatency = columns.latencyBucket[slot]
    columns.write(columns.status[slot]?.merged(with: patch) ?? patch, to: slot)
    let region = columns.region[slot]
    regions[region].noteLease(from: oldDeadline, to: columns.deadline[slot])
    if columns.latencyBucket[slot] != oldLatency { regions[region].noteChange() }
    return true
  }

  @discardableResult
  package mutating func apply(_ trust: MinerTrust, to id: MinerID) -> Bool {
    guard let slot = slots[id] else { return false }
    if trust.version >= columns.trustEvidence[slot].version {
      columns.trustEvidence[slot] = trust
      columns.trust[slot] = trust.score
    }
    return true
  }

  package mutating func countOffers(_ difference: Int, to id: MinerID) {
    guard let slot = slots[id] else { return }
    columns.offered[slot] = max(0, columns.offered[slot] + difference)
  }

  @discardableResult
  package mutating func remove(_ id: MinerID) -> RegisteredMiner? {
    guard let slot = slots.removeValue(forKey: id) else { return nil }
    let miner = RegisteredMiner(
      record: record(of: slot), trust: columns.trustEvidence[slot], status: columns.status[slot])
    leaveRegion(slot)
    releaseStrings(of: slot)
    columns.clear(slot)
    freeSlots.append(slot)
    return miner
  }

  package mutating func removeMiners(
    leaseEndedBefore cutoff: Timestamp, limit: Int
  ) -> [RegisteredMiner] {
    var leavers: [MinerID] = []
    for slot in 0..<columns.count where columns.deadline[slot] < cutoff.milliseconds {
      if columns.region[slot] == MinerColumns.noRegion { continue }
      if leavers.count == limit { break }
      leavers.append(columns.identity[slot].id)
    }
    return leavers.compactMap { remove($0) }
  }

  package mutating func refresh(at now: Timestamp, leaseTime: Timestamp) {
    for number in regions.all.indices where !regions.all[number].members.isEmpty {
      regions[UInt32(number)].refresh(columns, &builder, at: now, leaseTime: leaseTime)
    }
  }

  package var statistics: IndexStatistics {
    var online: [String: Int] = [:]
    var latency = (sum: 0.0, count: 0)
    for region in regions.all where !region.members.isEmpty {
      online[region.name, default: 0] += region.onlineCount
      latency.sum += region.latencyMillisecondsSum
      latency.count += region.latencies.count
    }
    return IndexStatistics(
      minerCount: slots.count, onlineByRegion: online,
      avgLatencyMilliseconds: latency.count == 0 ? nil : latency.sum / Double(latency.count))
  }
}

// Rows in and out.
extension ScanIndex {
  private mutating func takeSlot(_ identity: MinerIdentity) -> Int {
    if let slot = freeSlots.popLast() {
      columns.identity[slot] = identity
      return slot
    }
    columns.append(identity)
    return columns.count - 1
  }

  private mutating func joinRegion(_ name: String, _ slot: Int) {
    let (region, place) = regions.join(name, slot: slot)
    columns.region[slot] = region
    columns.memberPlace[slot] = place
  }

  private mutating func leaveRegion(_ slot: Int) {
    let place = columns.memberPlace[slot]
    if let moved = regions.leave(columns.region[slot], place: place) {
      columns.memberPlace[moved] = place
    }
  }

  /// Everything of a record but its identity and region.
  private mutating func write(_ record: MinerRecord, to slot: Int) {
    let profile = record.profile
    regions[columns.region[slot]].noteChange()
    columns.accel[slot] = accelerators.retain(profile.accel)
    columns.vramGB[slot] = profile.gpuVRAMGB
    columns.ramGB[slot] = profile.ramGB
    columns.capabilities[slot] = capabilities.retain(
      profile.capabilities + record.services.flatMap(\.capabilities))
    columns.tags[slot] = tags.retain(profile.tags)
    columns.services[slot] = record.services.map { service in
      ServiceOffer(
        type: services.retain(service.type), price: service.price?.units,
        maxConcurrent: service.maxConcurrent)
    }
    columns.price[slot] = profile.price.units
    columns.overridePrice[slot] = record.priceOverride?.price.units ?? 0
    columns.overrideEnd[slot] =
      record.priceOverride.map { $0.expiresAt?.milliseconds ?? .max } ?? .min
    columns.maxParallel[slot] = profile.maxParallel
  }

  private mutating func releaseStrings(of slot: Int) {
    accelerators.release(columns.accel[slot])
    capabilities.release(columns.capabilities[slot])
    tags.release(columns.tags[slot])
    for service in columns.services[slot] { services.release(service.type) }
  }

  /// The record as far as it was kept. Its services' capabilities are among the profile's.
  private func record(of slot: Int) -> MinerRecord {
    let identity = columns.identity[slot]
    var profile = MinerProfile()
    profile.addr = identity.addr
    profile.proto = identity.proto
    profile.region = regions[columns.region[slot]].name
    profile.gpuVRAMGB = columns.vramGB[slot]
    profile.ramGB = columns.ramGB[slot]
    profile.maxParallel = columns.maxParallel[slot]
    profile.price = Price(units: columns.price[slot])
    profile.accel = accelerators.strings(of: columns.accel[slot])
    profile.tags = tags.strings(of: columns.tags[slot])
    profile.capabilities = capabilities.strings(of: columns.capabilities[slot])
    let end = columns.overrideEnd[slot]
    let override = PriceOverride(
      price: Price(units: columns.overridePrice[slot]), reason: "",
      expiresAt: end == .max ? nil : Timestamp(milliseconds: end))
    let services = columns.services[slot].map { service in
      EnabledService(
        type: self.services[service.type], price: service.price.map { Price(units: $0) },
        maxConcurrent: service.maxConcurrent, capabilities: [])
    }
    return MinerRecord(
      id: identity.id, version: identity.version, profile: profile,
      priceOverride: end == .min ? nil : override, services: services)
  }
}
