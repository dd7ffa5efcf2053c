import CVector
import Domain

// The miners of a block, one by one, and the best so far.
extension BlockSearch {
  /// Asks for the lines of a block's miners.
  @inline(__always)
  func fetch(_ block: Int, _ mask: UInt64) {
    var bits = mask
    while bits != 0 {
      prefetch(columns.lines + (block * 64 + bits.trailingZeroBitCount))
      bits &= bits &- 1
    }
  }

  mutating func look(at block: Int, _ mask: UInt64, _ region: Column<RegionRow>) {
    work.blocks += 1
    var least = leastBound
    var bits = mask
    while bits != 0 {
      let slot = block * 64 + bits.trailingZeroBitCount
      bits &= bits &- 1
      let line = columns.lines + slot
      if line.pointee.price > ask.maxPrice && !ask.asksService { continue }
      let met = metCount(slot, line)
      if reach(line, region, met) < least { continue }
      consider(slot, line, region, met)
      least = leastBound
    }
  }

  /// The most that a miner comes to, in single precision.
  ///
  /// - Parameter met: how many of the asked capabilities it has.
  @inline(__always)
  private func reach(
    _ line: Column<MinerLine>, _ region: Column<RegionRow>, _ met: Int
  ) -> Float {
    if ask.asksService { return 1 }
    let latency =
      line.pointee.latencyBucket < 0
      ? Float(Score.unknownLatency)
      : 1 - Float(region.pointee.latencies.rank(Int(line.pointee.latencyBucket)))
    let load = 1 - Float(line.pointee.taken) / Float(line.pointee.slots)
    let price =
      ask.isCapped
      ? Float(line.pointee.price) * ask.priceScale
      : Float(region.pointee.prices.rank(Int(line.pointee.priceBucket)))
    let cap = ask.askedCapabilities < 2 ? 1 : Float(met) * ask.capabilityScale
    return ask.capShare * cap + ask.latencyShare * latency + ask.trustShare
      * Float(line.pointee.trust)
      + ask.loadShare * load + ask.priceShare * (1 - price) + BlockIndex.margin
  }

  private mutating func consider(
    _ slot: Int, _ line: Column<MinerLine>, _ region: Column<RegionRow>, _ met: Int
  ) {
    if line.pointee.vramGB < ask.minVRAMGB || line.pointee.ramGB < ask.minRAMGB { return }
    if line.pointee.trust < ask.minTrust || line.pointee.trust > ask.maxTrust { return }
    let terms = terms(line)
    if ask.asksService && terms.price > ask.maxPrice { return }
    if (ask.asksService || ask.isSpread) && ask.taken(line) >= terms.slots { return }
    work.miners += 1
    let parts = parts(line, terms, region, met)
    offer(TopEntry(score: Score.total(parts, ask.weights), slot: slot))
  }

  @inline(__always)
  func terms(_ line: Column<MinerLine>) -> Terms {
    ask.asksService
      ? columns.terms(line, service: ask.service)
      : Terms(price: line.pointee.price, slots: Int(line.pointee.slots))
  }

  @inline(__always)
  func parts(
    _ line: Column<MinerLine>, _ terms: Terms, _ region: Column<RegionRow>, _ met: Int
  ) -> ScoreParts {
    let scale: ScoreInputs.PriceScale
    if ask.isCapped {
      scale = .cap(Price(units: ask.maxPrice))
    } else {
      let bucket =
        ask.asksService ? Bucket.index(of: terms.price) : Int(line.pointee.priceBucket)
      scale = .rank(region.pointee.prices.rank(bucket))
    }
    let latency = Int(line.pointee.latencyBucket)
    return Score.parts(
      ScoreInputs(
        askedCapabilities: ask.askedCapabilities,
        offeredCapabilities: met,
        price: Price(units: terms.price), priceScale: scale,
        latencyRank: latency < 0 ? nil : region.pointee.latencies.rank(latency),
        trust: line.pointee.trust, taken: Int(line.pointee.taken), slots: terms.slots))
  }

  /// How many of the asked capabilities an eligible miner has.
  @inline(__always)
  func metCount(_ slot: Int, _ line: Column<MinerLine>) -> Int {
    if ask.askedCapabilities < 2 { return ask.askedCapabilities }
    let (block, bit) = (slot >> 6, UInt64(slot & 63))
    var met = 0
    for place in room.shareRange where room.terms[place].words[block] >> bit & 1 == 1 { met += 1 }
    if room.rareCapabilityCount > 0 && room.rareMarks.words[block] >> bit & 1 == 1 {
      let own = columns.lists.lists(columns.details[Int(line.pointee.row)].lists).capabilities
      for place in 0..<room.rareCapabilityCount
      where columns.lists.contains(room.rareCapabilities[place], in: own) {
        met += 1
      }
    }
    return met
  }

  @inline(__always)
  private mutating func offer(_ entry: TopEntry) {
    if topCount == ask.limit {
      if !isBefore(entry, room.top[ask.limit - 1]) { return }
      topCount -= 1
    }
    var place = topCount
    while place > 0 && isBefore(entry, room.top[place - 1]) {
      room.top[place] = room.top[place - 1]
      place -= 1
    }
    room.top[place] = entry
    topCount += 1
  }

  @inline(__always)
  private func isBefore(_ left: TopEntry, _ right: TopEntry) -> Bool {
    if left.score != right.score { return left.score > right.score }
    return columns.id(of: left.slot) < columns.id(of: right.slot)
  }
}
