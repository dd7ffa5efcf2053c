import Domain

// Changes of miners.
extension BlockIndex {
  @discardableResult
  package mutating func apply(_ patch: StatusPatch, to id: MinerID) -> Bool {
    own()
    guard let row = expectedRow(of: id) else { return false }
    rows[row].live.merge(patch)
    let slot = Int(rows[row].slot)
    var line = lines[slot]
    rows[row].live.write(to: &line)
    replaceLine(slot, with: line)
    return true
  }

  @discardableResult
  package mutating func apply(_ trust: MinerTrust, to id: MinerID) -> Bool {
    own()
    guard let row = expectedRow(of: id) else { return false }
    guard trust.version >= details[row].trustVersion else { return true }
    details[row].trustVersion = trust.version
    details[row].good = trust.good
    details[row].bad = trust.bad
    let slot = Int(rows[row].slot)
    var line = lines[slot]
    line.trust = trust.score
    replaceLine(slot, with: line)
    return true
  }

  package mutating func countOffers(_ difference: Int, to id: MinerID) {
    own()
    guard let row = row(of: id) else { return }
    let line = lines + Int(rows[row].slot)
    line.pointee.offered = UInt16(clamping: Int(line.pointee.offered) + difference)
  }

  /// Writes a miner's line, with all that is kept of lines elsewhere.
  @inline(__always)
  mutating func replaceLine(_ slot: Int, with new: MinerLine) {
    let block = slot >> 6
    let bit: UInt64 = 1 << UInt64(slot & 63)
    let old = lines[slot]
    let number = Int(blocks[block].region)
    lines[slot] = new
    if !isFilling && !old.scoresAs(new) {
      raiseBounds(of: block, to: linearParts(new, regionRows + number))
      // What was highest may have sunk.
      if old.isOpen { blocks[block].isLoose = true }
    }
    let wasOnline = blocks[block].online & bit != 0
    let isOnline = setOpenAndOnline(block, bit, new)
    if old.priceBucket != new.priceBucket {
      priceBuckets[slot] = UInt16(new.priceBucket)
    } else if wasOnline == isOnline && old.latencyBucket == new.latencyBucket
      && old.latencyUnits == new.latencyUnits
    {
      return
    }
    if wasOnline { count(old, in: number, by: -1) }
    if isOnline { count(new, in: number, by: 1) }
  }

  /// Writes what a line says of its miner into its block's words.
  ///
  /// - Returns: whether the miner is online, as of the time that the block's words are for.
  @inline(__always)
  @discardableResult
  func setOpenAndOnline(_ block: Int, _ bit: UInt64, _ line: MinerLine) -> Bool {
    let row = blocks + block
    let before = row.pointee.ready
    if line.isOpen { row.pointee.open |= bit } else { row.pointee.open &= ~bit }
    let isOnline = line.deadline > row.pointee.validFrom
    if isOnline {
      row.pointee.online |= bit
      noteExpiry(line.deadline, row)
    } else {
      row.pointee.online &= ~bit
    }
    // Most heartbeats change nothing here, and so needn't wait for one more place in memory.
    if row.pointee.ready != before { ready[block] = row.pointee.ready }
    return isOnline
  }

  @inline(__always)
  private func noteExpiry(_ deadline: Int64, _ row: Column<BlockRow>) {
    if deadline >= row.pointee.nextExpiry { return }
    row.pointee.nextExpiry = deadline
    let superblock = superblocks + Int(row.pointee.superblock)
    superblock.pointee.nextExpiry = min(superblock.pointee.nextExpiry, deadline)
  }

  package mutating func upsert(_ record: MinerRecord) {
    own()
    guard let row = expectedRow(of: record.id) else {
      add(record)
      return
    }
    guard record.version > details[row].version else { return }
    settleArrivals()
    setCategories(of: row, to: false)
    let slot = Int(rows[row].slot)
    let number = Int(blocks[slot >> 6].region)
    if ExactText(regions[number]!.name) != ExactText(record.profile.region) {
      let line = lines[slot]
      leaveSlot(slot)
      let new = takeSlot(row, record.profile.region)
      setSizes(of: new, from: MinerLine(), to: line)
      replaceLine(new, with: line)
    }
    write(record, to: row)
    setCategories(of: row, to: true)
  }

  private mutating func add(_ record: MinerRecord) {
    let new = MinerRow(id: record.id)
    let row: Int
    if let free = freeRows.popLast() {
      row = Int(free)
      rows[row] = new
    } else {
      row = memory.appendRow(new)
      (rows, details) = (memory.rows, memory.details)
    }
    ids.insert(ids.hash(record.id.text), row, memory)
    _ = takeSlot(row, record.profile.region)
    write(record, to: row)
    setCategories(of: row, to: true)
  }

  /// Everything of a record but its identity and region, and what its categories say elsewhere.
  private mutating func write(_ record: MinerRecord, to row: Int) {
    details[row].addr = record.profile.addr
    details[row].proto = record.profile.proto
    details[row].version = record.version
    writeCategories(of: record, to: row)
    let own = record.profile.price.units
    overrides.set(
      record.priceOverride.map {
        OverriddenPrice(
          own: own, price: $0.price.units, end: $0.expiresAt?.milliseconds ?? .max)
      }, for: UInt32(row))
    let slot = Int(rows[row].slot)
    var line = lines[slot]
    line.isOverridden = overrides.isInForce(UInt32(row))
    line.price = overrides.price(of: UInt32(row), own: own)
    line.priceBucket = Int16(Bucket.index(of: line.price))
    line.vramGB = record.profile.gpuVRAMGB
    line.ramGB = record.profile.ramGB
    line.slots = UInt32(clamping: record.profile.maxParallel)
    setSizes(of: slot, from: lines[slot], to: line)
    replaceLine(slot, with: line)
  }

  private mutating func writeCategories(of record: MinerRecord, to row: Int) {
    let (oldLists, oldServices) = (details[row].lists, details[row].services)
    retain(record.profile.accel, .accel)
    lists.endList()
    retain(record.profile.capabilities, .capability)
    for service in record.services { retain(service.capabilities, .capability) }
    lists.endList()
    retain(record.profile.tags, .tag)
    details[row].lists = lists.insertLists(memory)
    details[row].services = record.services.map { service in
      ServiceOffer(
        type: categories.retain(service.type, .service, memory), price: service.price?.units,
        maxConcurrent: service.maxConcurrent)
    }
    release(lists: oldLists, services: oldServices)
  }

  private mutating func retain(_ names: [String], _ kind: CategoryKind) {
    for name in names {
      let number = categories.retain(name, kind, memory)
      if !lists.add(number) { release(number) }
    }
  }

  private mutating func release(_ number: UInt32) {
    if let set = categories.release(number) { sets.release(set) }
  }

  private mutating func release(lists unit: UInt32, services: [ServiceOffer]) {
    if unit != 0 {
      for place in lists.lists(unit).all { release(lists[place]) }
      lists.remove(unit)
    }
    for service in services { release(service.type) }
  }

  @discardableResult
  package mutating func remove(_ id: MinerID) -> RegisteredMiner? {
    own()
    guard let row = row(of: id) else { return nil }
    settleArrivals()
    expectedRows.removeAll(keepingCapacity: true)
    let slot = Int(rows[row].slot)
    let old = details[row]
    let miner = RegisteredMiner(
      record: record(of: row),
      trust: MinerTrust(
        score: lines[slot].trust, good: old.good, bad: old.bad, version: old.trustVersion),
      status: rows[row].live.patch)
    ids.remove(ids.hash(id.text), row)
    setCategories(of: row, to: false)
    release(lists: old.lists, services: old.services)
    overrides.set(nil, for: UInt32(row))
    leaveSlot(slot)
    details[row] = MinerDetails()
    freeRows.append(UInt32(row))
    return miner
  }

  package mutating func removeMiners(
    leaseEndedBefore cutoff: Timestamp, limit: Int
  ) -> [RegisteredMiner] {
    own()
    var leavers: [MinerID] = []
    for block in 0..<blockCount {
      let row = blocks[block]
      var bits = row.nextExpiry < cutoff.milliseconds ? row.occupied : row.occupied & ~row.online
      while bits != 0 {
        let line = lines[block * 64 + bits.trailingZeroBitCount]
        bits &= bits &- 1
        if line.deadline >= cutoff.milliseconds { continue }
        if leavers.count == limit { return leavers.compactMap { remove($0) } }
        leavers.append(rows[Int(line.row)].id)
      }
    }
    return leavers.compactMap { remove($0) }
  }

  /// The record as far as it was kept. Its services' capabilities are among the profile's.
  private func record(of row: Int) -> MinerRecord {
    let held = details[row]
    let slot = Int(rows[row].slot)
    let line = lines[slot]
    let override = overrides.all[UInt32(row)]
    var profile = MinerProfile()
    profile.addr = held.addr
    profile.proto = held.proto
    profile.region = regions[Int(blocks[slot >> 6].region)]!.name
    profile.gpuVRAMGB = line.vramGB
    profile.ramGB = line.ramGB
    profile.maxParallel = Int(line.slots)
    profile.price = Price(units: override?.own ?? line.price)
    if held.lists != 0 {
      let own = lists.lists(held.lists)
      profile.accel = own.accel.map { categories.name(of: lists[$0]) }
      profile.tags = own.tags.map { categories.name(of: lists[$0]) }
      profile.capabilities = own.capabilities.map { categories.name(of: lists[$0]) }
    }
    return MinerRecord(
      id: rows[row].id, version: held.version, profile: profile,
      priceOverride: override.map {
        PriceOverride(
          price: Price(units: $0.price), reason: "",
          expiresAt: $0.end == .max ? nil : Timestamp(milliseconds: $0.end))
      },
      services: held.services.map { service in
        EnabledService(
          type: categories.name(of: service.type), price: service.price.map { Price(units: $0) },
          maxConcurrent: service.maxConcurrent, capabilities: [])
      })
  }
}
