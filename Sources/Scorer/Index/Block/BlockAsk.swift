import Domain

/// A request in the block index's own terms.
struct BlockAsk {
  /// -1: any region; -2: one without miners.
  var region = -1
  var minVRAMGB = 0.0
  var minRAMGB = 0.0
  /// The greatest price there is when none is asked.
  var maxPrice = Int64.max
  var isCapped = false
  var minTrust = -Double.infinity
  var maxTrust = Double.infinity
  var isSpread = false
  var asksService = false
  var service: UInt32 = 0
  var askedCapabilities = 0
  /// One over how many are asked.
  var capabilityScale: Float = 1
  /// Of two asked capabilities: how many miners of the region would have both, were they drawn
  /// independently.
  var expectedBoth = 0.0
  var leaseTime: Int64 = 0
  var limit = 1
  /// The bounds' lane for this price, and another, of which `blend` is added.
  var lane = CapGrid.rankLane
  var otherLane = CapGrid.rankLane
  var blend: Float = 0
  var weights = Weights.standard
  /// The parts' shares of the score.
  var capShare: Float = 0
  var priceShare: Float = 0
  var latencyShare: Float = 0
  var trustShare: Float = 0
  var loadShare: Float = 0
  /// One over the highest price asked; 0 where only who is free passes.
  var priceScale: Float = 0

  var isImpossible = false

  /// A miner's slots that this request finds taken. None of its slots is free where it isn't open.
  @inline(__always)
  func taken(_ line: Column<MinerLine>) -> Int {
    Int(line.pointee.taken) + (isSpread ? Int(line.pointee.offered) : 0)
  }
}

extension BlockIndex {
  /// Makes the search's room ready for a request, tables and prices those of this moment.
  mutating func prepare(
    _ query: MatchQuery, at now: Timestamp, leaseTime: Timestamp
  ) -> BlockAsk {
    room.clear(sets)
    settlePrices(at: now)
    var ask = BlockAsk()
    ask.minVRAMGB = query.minVRAMGB
    ask.minRAMGB = query.minRAMGB
    ask.minTrust = query.minTrust ?? -.infinity
    ask.maxTrust = query.maxTrust ?? .infinity
    ask.isSpread = query.isSpread
    ask.askedCapabilities = query.capabilitiesAny.count
    ask.capabilityScale = 1 / Float(max(1, ask.askedCapabilities))
    ask.leaseTime = leaseTime.milliseconds
    ask.limit = min(max(query.topK, Limits.topK.lowerBound), Limits.topK.upperBound)
    ask.weights = weights
    ask.capShare = Float(shares.cap)
    ask.priceShare = Float(shares.price)
    ask.latencyShare = Float(shares.latency)
    ask.trustShare = Float(shares.trust)
    ask.loadShare = Float(shares.load)
    if let name = query.region, name != "" { ask.region = regionNumbers.number(of: name) ?? -2 }
    if let highest = query.maxPrice {
      ask.maxPrice = highest.units
      ask.isCapped = true
      ask.priceScale = highest.units > 0 ? Float(1 / Double(highest.units)) : 0
    }
    refreshSmallTables(ask)
    chooseLanes(&ask, asksService: query.service != nil)
    resolve(.accelAny, query.accel, .accel)
    resolve(.capabilitiesAny, query.capabilitiesAny, .capability)
    resolve(.capabilitiesAll, query.capabilitiesAll, .capability)
    resolve(.tagsAny, query.tagsAny, .tag)
    resolve(.tagsAll, query.tagsAll, .tag)
    if let service = query.service {
      resolve(.service, CollectionOfOne(service), .service)
      ask.asksService = true
      ask.service = categories.number(of: service, .service) ?? .max
    }
    ask.isImpossible = ask.region == -2 || room.groups.contains { $0.isImpossible }
    dig(query.exclude)
    if !ask.isImpossible { layOutTerms(ask) }
    let searched = ask.region >= 0 ? regionRows[ask.region].memberCount : ids.count
    ask.expectedBoth = Double(searched) * room[.capabilitiesAny].shareOfAll
    return ask
  }

  /// Small regions, and those that have only just become large, can't wait for the clock.
  private mutating func refreshSmallTables(_ ask: BlockAsk) {
    if ask.region == -2 { return }
    let numbers = ask.region == -1 ? 0..<regions.count : ask.region..<ask.region + 1
    for number in numbers {
      let row = regionRows[number]
      if row.memberCount == 0 || (row.isLarge && row.wasLarge) { continue }
      refreshTables(number, at: ask.leaseTime)
    }
  }

  private func chooseLanes(_ ask: inout BlockAsk, asksService: Bool) {
    if asksService {
      // A service has a price of its own and no more slots than its miner.
      ask.lane = CapGrid.freeLane
      ask.otherLane = ask.lane
      return
    }
    guard ask.isCapped else { return }
    var lane = 0
    while lane < CapGrid.capCount && grid.caps[lane] < ask.maxPrice { lane += 1 }
    ask.lane = lane
    ask.otherLane = max(0, lane - 1)
    if lane == 0 { return }
    let inverse = Float(1 / Double(ask.maxPrice))
    let share =
      (inverse - grid.inverse[lane]) / (grid.inverse[lane - 1] - grid.inverse[lane])
    ask.blend = min(1, max(0, share))
  }

  private mutating func resolve(
    _ group: SearchRoom.Group, _ names: some Collection<String>, _ kind: CategoryKind
  ) {
    if names.isEmpty { return }
    room[group].isAsked = true
    let isAny = group == .accelAny || group == .capabilitiesAny || group == .tagsAny
    for name in names {
      guard let number = categories.number(of: name, kind) else {
        if !isAny { room[group].isImpossible = true }
        continue
      }
      if let set = categories.set(of: number) {
        room[group].dense.append(sets[set])
        room[group].shareOfAll *= Double(categories.useCount(of: number)) / Double(ids.count)
      } else {
        room[group].rare.append(number)
      }
    }
    if room[group].isImpossible { return }
    if room[group].dense.isEmpty && room[group].rare.isEmpty {
      room[group].isImpossible = true
    } else if isAny {
      for number in room[group].rare { mark(categories.postings(of: number), group) }
    } else if !room[group].rare.isEmpty {
      markAll(group)
    }
  }

  private mutating func mark(_ postings: [UInt32], _ group: SearchRoom.Group) {
    let marked = sets[room[group].marked]
    for row in postings {
      let slot = Int(rows[Int(row)].slot)
      if marked.words[slot >> 6] == 0 { room[group].touched.append(UInt32(slot >> 6)) }
      marked.insert(1 << UInt64(slot & 63), in: slot >> 6)
    }
  }

  /// Marks the miners that have all rare ones of a group.
  private mutating func markAll(_ group: SearchRoom.Group) {
    let rare = room[group].rare
    if group == .service || rare.count == 1 {
      mark(categories.postings(of: rare[0]), group)
      return
    }
    let fewest = rare.min {
      categories.postings(of: $0).count < categories.postings(of: $1).count
    }!
    let postings = categories.postings(of: fewest).filter { row in
      let own = lists.lists(details[Int(row)].lists)
      return rare.allSatisfy { lists.addresses.contains($0, in: own.all) }
    }
    mark(postings, group)
  }

  private mutating func layOutTerms(_ ask: BlockAsk) {
    if let tier = vramTiers.tier(atMost: ask.minVRAMGB) { addTerm(sets[vramTiers.sets[tier]]) }
    if let tier = ramTiers.tier(atMost: ask.minRAMGB) { addTerm(sets[ramTiers.sets[tier]]) }
    for group in SearchRoom.Group.musts {
      for set in room[group].dense { addTerm(set) }
      if !room[group].rare.isEmpty { addTerm(sets[room[group].marked]) }
    }
    // An any of one set is a must.
    for group in SearchRoom.Group.anys {
      guard room[group].isAsked, let term = room[group].onlyTerm(sets) else { continue }
      if group == .capabilitiesAny && room[group].rare.isEmpty {
        room.shareRange = room.termCount..<room.termCount + 1
      }
      addTerm(term)
    }
    room.mustEnd = room.termCount
    for group in SearchRoom.Group.anys {
      guard room[group].isAsked, room[group].onlyTerm(sets) == nil else { continue }
      let start = room.termCount
      for set in room[group].dense { addTerm(set) }
      if group == .capabilitiesAny { room.shareRange = start..<room.termCount }
      if !room[group].rare.isEmpty { addTerm(sets[room[group].marked]) }
      room.anyEnds[room.anyCount] = room.termCount
      room.anyCount += 1
    }
    for number in room[.capabilitiesAny].rare.prefix(Limits.listCount) {
      room.rareCapabilities[room.rareCapabilityCount] = number
      room.rareCapabilityCount += 1
    }
  }

  private mutating func addTerm(_ set: SlotSet) { room.addTerm(set, memory) }

  private mutating func dig(_ excluded: [MinerID]) {
    for id in excluded {
      guard let row = row(of: id) else { continue }
      let slot = Int(rows[row].slot)
      let bit: UInt64 = 1 << UInt64(slot & 63)
      if room.holes[slot >> 6] & bit != 0 { continue }
      room.holes[slot >> 6] |= bit
      room.holeSlots.append(slot)
    }
  }
}

extension AskedGroup {
  /// What the whole group comes to when that is one set.
  fileprivate func onlyTerm(_ sets: SetPool) -> SlotSet? {
    if dense.isEmpty { return sets[marked] }
    return dense.count == 1 && rare.isEmpty ? dense[0] : nil
  }
}
