import Domain

/// A request in the index's own terms: strings by number, times and prices as plain numbers.
struct Ask {
  /// nil: any region.
  let regionName: String?
  /// nil when no miner is in that region.
  let region: UInt32?
  let accel: AskedList
  let minVRAMGB: Double
  let minRAMGB: Double
  let capabilitiesAny: AskedList
  let capabilitiesAll: AskedList
  let tagsAny: AskedList
  let tagsAll: AskedList
  let isSpread: Bool
  let asksService: Bool
  /// nil when no miner has switched that service on.
  let service: UInt32?
  let maxPrice: Price?
  let minTrust: Double
  let maxTrust: Double
  let now: Timestamp
  let leaseTime: Int64
}

/// What became of all miners that were looked at.
private struct Tally {
  var eligible = 0
  var rejected = [Int](repeating: 0, count: RejectionReason.allCases.count)
}

extension ScanIndex {
  package mutating func match(
    _ query: MatchQuery, at now: Timestamp, leaseTime: Timestamp
  ) -> MatchAnswer {
    let ask = ask(query, at: now, leaseTime: leaseTime)
    refreshTables(for: ask, leaseTime: leaseTime)
    let holes = excludedSlots(query.exclude)
    var best = TopList(limit: query.topK)
    var tally = Tally()
    if query.explainsFully {
      scan(ask, around: holes, into: &best, counting: &tally)
    } else {
      scan(ask, around: holes, into: &best)
      if best.entries.isEmpty { scan(ask, around: holes, into: &best, counting: &tally) }
    }
    let isCounted = query.explainsFully || best.entries.isEmpty
    return MatchAnswer(
      candidates: best.entries.map { candidate($0, ask) },
      counts: isCounted ? counts(tally, considered: slots.count - holes.count) : nil)
  }

  private func ask(_ query: MatchQuery, at now: Timestamp, leaseTime: Timestamp) -> Ask {
    let region = query.region == "" ? nil : query.region
    return Ask(
      regionName: region,
      region: region.flatMap { regions.number(of: $0) },
      accel: AskedList(query.accel, in: accelerators),
      minVRAMGB: query.minVRAMGB,
      minRAMGB: query.minRAMGB,
      capabilitiesAny: AskedList(query.capabilitiesAny, in: capabilities),
      capabilitiesAll: AskedList(query.capabilitiesAll, in: capabilities),
      tagsAny: AskedList(query.tagsAny, in: tags),
      tagsAll: AskedList(query.tagsAll, in: tags),
      isSpread: query.isSpread,
      asksService: query.service != nil,
      service: query.service.flatMap { services.number(of: $0) },
      maxPrice: query.maxPrice,
      minTrust: query.minTrust ?? -.infinity,
      maxTrust: query.maxTrust ?? .infinity,
      now: now,
      leaseTime: leaseTime.milliseconds)
  }

  /// Small regions, and those that have only just become large, can't wait for the clock.
  private mutating func refreshTables(for ask: Ask, leaseTime: Timestamp) {
    func refresh(_ number: UInt32) {
      if regions[number].isLarge && regions[number].wasLarge { return }
      regions[number].refresh(columns, &builder, at: ask.now, leaseTime: leaseTime)
    }
    if ask.regionName == nil {
      for number in regions.all.indices where !regions.all[number].members.isEmpty {
        refresh(UInt32(number))
      }
    } else if let number = ask.region {
      refresh(number)
    }
  }

  /// What a match leaves behind for later ones, without the match: a region's tables stay as the
  /// match found them that first saw it large. For a twin that gives only some of the answers.
  mutating func followMatch(_ query: MatchQuery, at now: Timestamp, leaseTime: Timestamp) {
    func follow(_ number: UInt32) {
      if !regions[number].isLarge {
        regions[number].noteSmall()
      } else if !regions[number].wasLarge {
        regions[number].refresh(columns, &builder, at: now, leaseTime: leaseTime)
      }
    }
    if let name = query.region, name != "" {
      if let number = regions.number(of: name) { follow(number) }
      return
    }
    for number in regions.all.indices where !regions.all[number].members.isEmpty {
      follow(UInt32(number))
    }
  }

  /// The slots of miners that this request won't have, in order, each once.
  private func excludedSlots(_ ids: [MinerID]) -> [Int] {
    if ids.isEmpty { return [] }
    return Set(ids.compactMap { slots[$0] }).sorted()
  }

  /// Free slots have been taken for miners that are offline.
  private func counts(_ tally: Tally, considered: Int) -> MatchCounts {
    var rejected = tally.rejected
    rejected[RejectionReason.offline.rawValue] -= freeSlots.count
    return MatchCounts(eligible: tally.eligible, considered: considered, rejected: rejected)
  }
}

// Looking at every miner.
extension ScanIndex {
  /// Where nobody counts, only the asked region's miners need looking at.
  private func scan(_ ask: Ask, around holes: [Int], into best: inout TopList) {
    guard ask.regionName != nil else {
      return forEachSlot(around: holes) { consider($0, ask, for: &best) }
    }
    guard let region = ask.region else { return }
    for slot in regions[region].members where holes.isEmpty || !holes.contains(slot) {
      consider(slot, ask, for: &best)
    }
  }

  @inline(__always)
  private func consider(_ slot: Int, _ ask: borrowing Ask, for best: inout TopList) {
    var terms = Terms(price: 0, slots: 0)
    if rejection(of: slot, ask, &terms) == nil { offer(slot, ask, terms, to: &best) }
  }

  private func scan(
    _ ask: Ask, around holes: [Int], into best: inout TopList, counting tally: inout Tally
  ) {
    forEachSlot(around: holes) { slot in
      var terms = Terms(price: 0, slots: 0)
      if let reason = rejection(of: slot, ask, &terms) {
        tally.rejected[reason.rawValue] += 1
      } else {
        tally.eligible += 1
        offer(slot, ask, terms, to: &best)
      }
    }
  }

  @inline(__always)
  private func forEachSlot(around holes: [Int], _ body: (Int) -> Void) {
    var start = 0
    for hole in holes {
      for slot in start..<hole { body(slot) }
      start = hole + 1
    }
    for slot in start..<columns.count { body(slot) }
  }

  /// The first filter that the miner fails, in the order of `RejectionReason`; nil when it passes
  /// all. `terms` are right from the price on.
  @inline(__always)
  private func rejection(of slot: Int, _ ask: borrowing Ask, _ terms: inout Terms)
    -> RejectionReason?
  {
    if columns.deadline[slot] <= ask.leaseTime { return .offline }
    if ask.regionName != nil && columns.region[slot] != ask.region { return .region }
    if !ask.accel.isMetInPart(by: columns.accel[slot]) { return .accel }
    if columns.vramGB[slot] < ask.minVRAMGB { return .vram }
    if columns.ramGB[slot] < ask.minRAMGB { return .ram }
    if !ask.capabilitiesAny.isMetInPart(by: columns.capabilities[slot])
      || !ask.capabilitiesAll.isMetInFull(by: columns.capabilities[slot])
    {
      return .capability
    }
    if !ask.tagsAny.isMetInPart(by: columns.tags[slot])
      || !ask.tagsAll.isMetInFull(by: columns.tags[slot])
    {
      return .tag
    }
    if ask.asksService {
      guard let type = ask.service,
        let offer = columns.terms(of: slot, service: type, at: ask.now)
      else { return .service }
      terms = offer
    } else {
      terms = Terms(
        price: columns.price(of: slot, at: ask.now), slots: columns.maxParallel[slot])
    }
    if let highest = ask.maxPrice, terms.price > highest.units { return .price }
    if columns.trust[slot] < ask.minTrust || columns.trust[slot] > ask.maxTrust { return .trust }
    let taken = columns.taken(of: slot) + (ask.isSpread ? columns.offered[slot] : 0)
    if columns.isClosed[slot] || taken >= terms.slots { return .full }
    return nil
  }

  @inline(__always)
  private func offer(_ slot: Int, _ ask: borrowing Ask, _ terms: Terms, to best: inout TopList) {
    let score = Score.total(parts(of: slot, ask, terms), weights)
    best.offer(TopList.Entry(score: score, slot: slot, terms: terms)) { left, right in
      columns.identity[left].id < columns.identity[right].id
    }
  }

  private func parts(of slot: Int, _ ask: borrowing Ask, _ terms: Terms) -> ScoreParts {
    let region = columns.region[slot]
    let scale: ScoreInputs.PriceScale
    if let highest = ask.maxPrice {
      scale = .cap(highest)
    } else {
      scale = .rank(regions[region].prices.rank(of: terms.price))
    }
    let latency = Int(columns.latencyBucket[slot])
    return Score.parts(
      ScoreInputs(
        askedCapabilities: ask.capabilitiesAny.count,
        offeredCapabilities: ask.capabilitiesAny.metCount(by: columns.capabilities[slot]),
        price: Price(units: terms.price), priceScale: scale,
        latencyRank: latency < 0 ? nil : regions[region].latencies.rank(ofBucket: latency),
        trust: columns.trust[slot], taken: columns.taken(of: slot), slots: terms.slots))
  }

  private func candidate(_ entry: TopList.Entry, _ ask: borrowing Ask) -> Candidate {
    let slot = entry.slot
    let identity = columns.identity[slot]
    let latency =
      columns.latencyBucket[slot] < 0 ? nil : columns.status[slot]?.avgLatencyMilliseconds
    return Candidate(
      minerID: identity.id, addr: identity.addr, proto: identity.proto,
      region: regions[columns.region[slot]].name, score: entry.score,
      parts: parts(of: slot, ask, entry.terms), price: Price(units: entry.terms.price),
      trust: columns.trust[slot],
      etaMilliseconds: latency.map { $0 * Double(columns.taken(of: slot) + 1) })
  }
}
