import Domain

/// A request in the block index's own terms.
struct BlockAsk: BitwiseCopyable {
  /// -1: any region; -2: one without miners.
  var region = -1
  var minVRAMGB = 0.0
  var minRAMGB = 0.0
  /// The greatest price there is when none is asked.
  var maxPrice = Int64.max
  var isCapped = false
  /// Whose codes are lower, or bucket higher, fails the filter; who has the same may.
  var vramCode: UInt16 = 0
  var ramCode: UInt16 = 0
  var priceBucket: UInt16 = 0
  var minTrust = -Double.infinity
  var asksService = false
  var service: UInt32 = 0
  var askedCapabilities = 0
  var leaseTime: Int64 = 0
  var limit = 1
  /// The bounds' lane for this price, and another, of which `blend` is added.
  var lane = CapGrid.rankLane
  var otherLane = CapGrid.rankLane
  var blend: Float = 0
  /// The cap part's share of the score.
  var capShare: Float = 0

  var isImpossible = false
}

extension BlockIndex {
  /// Makes the search's room ready for a request, tables and prices those of this moment.
  mutating func prepare(
    _ query: MatchQuery, at now: Timestamp, leaseTime: Timestamp
  ) -> BlockAsk {
    search.clear()
    settlePrices(at: now)
    var ask = BlockAsk()
    ask.minVRAMGB = query.minVRAMGB
    ask.minRAMGB = query.minRAMGB
    ask.vramCode = SizeCode.code(query.minVRAMGB)
    ask.ramCode = SizeCode.code(query.minRAMGB)
    ask.minTrust = query.minTrust ?? -.infinity
    ask.askedCapabilities = query.capabilitiesAny.count
    ask.leaseTime = leaseTime.milliseconds
    ask.limit = min(max(query.topK, Limits.topK.lowerBound), Limits.topK.upperBound)
    ask.capShare = Float(shares.cap)
    if let name = query.region, name != "" { ask.region = regionNumbers[ExactText(name)] ?? -2 }
    if let highest = query.maxPrice {
      ask.maxPrice = highest.units
      ask.isCapped = true
      ask.priceBucket = UInt16(Bucket.index(of: highest.units))
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
    ask.isImpossible = ask.region == -2 || search.groups.contains { $0.isImpossible }
    if !ask.isImpossible { layOutTerms() }
    dig(query.exclude)
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
    search[group].isAsked = true
    let isAny = group == .accelAny || group == .capabilitiesAny || group == .tagsAny
    for name in names {
      guard let number = categories.number(of: name, kind) else {
        if !isAny { search[group].isImpossible = true }
        continue
      }
      if let words = categories[number].words {
        search[group].dense.append(words)
      } else {
        search[group].rare.append(number)
      }
    }
    if search[group].isImpossible { return }
    if search[group].dense.isEmpty && search[group].rare.isEmpty {
      search[group].isImpossible = true
    } else if isAny {
      for number in search[group].rare { mark(categories[number].postings, group) }
    } else if !search[group].rare.isEmpty {
      markAll(group)
    }
  }

  private mutating func mark(_ rows: [UInt32], _ group: SearchRoom.Group) {
    let words = search[group].words
    for row in rows {
      let slot = Int(memory.rows[Int(row)].slot)
      if words[slot >> 6] == 0 { search[group].touched.append(UInt32(slot >> 6)) }
      words[slot >> 6] |= 1 << UInt64(slot & 63)
    }
  }

  /// Marks the miners that have all rare ones of a group.
  private mutating func markAll(_ group: SearchRoom.Group) {
    let rare = search[group].rare
    if group == .service || rare.count == 1 {
      mark(categories[rare[0]].postings, group)
      return
    }
    let fewest = rare.min {
      categories[$0].postings.count < categories[$1].postings.count
    }!
    let rows = categories[fewest].postings.filter { row in
      let own = lists.lists(details[Int(row)].lists)
      return rare.allSatisfy { lists.contains($0, in: own.all) }
    }
    mark(rows, group)
  }

  private mutating func layOutTerms() {
    for group in [SearchRoom.Group.capabilitiesAll, .tagsAll, .service] {
      search.terms.append(contentsOf: search[group].dense)
      if !search[group].rare.isEmpty { search.terms.append(search[group].words) }
    }
    // An any of one word is a must.
    for group in [SearchRoom.Group.accelAny, .capabilitiesAny, .tagsAny] {
      guard search[group].isAsked, let term = search[group].onlyTerm else { continue }
      search.terms.append(term)
    }
    search.mustEnd = search.terms.count
    for group in [SearchRoom.Group.accelAny, .capabilitiesAny, .tagsAny] {
      guard search[group].isAsked, search[group].onlyTerm == nil else { continue }
      let start = search.terms.count
      search.terms.append(contentsOf: search[group].dense)
      if group == .capabilitiesAny { search.shareRange = start..<search.terms.count }
      if !search[group].rare.isEmpty { search.terms.append(search[group].words) }
      search.anyEnds.append(search.terms.count)
    }
  }

  private mutating func dig(_ excluded: [MinerID]) {
    for id in excluded {
      guard let row = row(of: id) else { continue }
      let slot = Int(memory.rows[row].slot)
      let bit: UInt64 = 1 << UInt64(slot & 63)
      if search.holes[slot >> 6] & bit != 0 { continue }
      search.holes[slot >> 6] |= bit
      search.holeSlots.append(slot)
    }
  }
}

extension AskedGroup {
  /// What the whole group comes to when that is one word.
  fileprivate var onlyTerm: Column<UInt64>? {
    if dense.isEmpty { return words }
    return dense.count == 1 && rare.isEmpty ? dense[0] : nil
  }
}
