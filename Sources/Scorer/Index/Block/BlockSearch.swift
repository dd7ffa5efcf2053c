import Domain

// The search: blocks by falling bound, until no bound reaches the worst of the best.
extension BlockIndex {
  package mutating func match(
    _ query: MatchQuery, at now: Timestamp, leaseTime: Timestamp
  ) -> MatchAnswer {
    own()
    let ask = prepare(query, at: now, leaseTime: leaseTime)
    if !ask.isImpossible {
      if let rare = search.groups.firstIndex(where: { $0.isRareOnly }) {
        searchTouched(rare, ask)
      } else {
        searchBlocks(ask)
      }
    }
    let isCounted = query.explainsFully || search.top.isEmpty
    return MatchAnswer(
      candidates: search.top.map { candidate($0, ask) },
      counts: isCounted ? counts(settling: ask) : nil)
  }

  /// Only the blocks in which somebody has what few have.
  private mutating func searchTouched(_ group: Int, _ ask: BlockAsk) {
    for block in search.groups[group].touched.indices {
      let block = Int(search.groups[group].touched[block])
      if ask.region >= 0 && ask.region != Int(blocks[block].region) { continue }
      settleLeases(of: block, at: ask.leaseTime)
      let mask = mask(of: block)
      if mask == 0 { continue }
      let bound = bound(bounds[block], Int(blocks[block].region), ask) + share(mask, block, ask)
      if isBelowAll(bound, ask) { continue }
      look(at: block, mask, ask)
    }
  }

  private mutating func searchBlocks(_ ask: BlockAsk) {
    if ask.region >= 0 {
      for superblock in regions[ask.region]!.superblocks { push(superblock: Int(superblock), ask) }
    } else {
      for superblock in 0..<superblockCount where superblocks[superblock].count > 0 {
        push(superblock: superblock, ask)
      }
    }
    while let key = popHeap() {
      if isBelowAll(Float(bitPattern: UInt32(key >> 32)), ask) { return }
      let number = Int(key & 0x7FFF_FFFF)
      if key & 0x8000_0000 == 0 {
        expand(number, ask)
      } else {
        let mask = mask(of: number)
        look(at: number, mask, ask)
        if isStale(number) { computeBounds(of: number) }
      }
    }
  }

  /// The most that a miner can come to, but for the cap part and what `share` adds.
  @inline(__always)
  private func bound(_ parts: SIMD16<Float>, _ region: Int, _ ask: BlockAsk) -> Float {
    let low = parts[ask.lane]
    let slack = withRegion(region) {
      ask.lane == CapGrid.rankLane ? $0.latencySlack + $0.priceSlack : $0.latencySlack
    }
    return low + ask.blend * (parts[ask.otherLane] - low) + slack + Self.margin
  }

  @inline(__always)
  private func isBelowAll(_ bound: Float, _ ask: BlockAsk) -> Bool {
    if bound < 0 { return true }
    return search.top.count == ask.limit && Double(bound) < search.top[ask.limit - 1].score
  }

  private mutating func push(superblock: Int, _ ask: BlockAsk) {
    let region = Int(superblocks[superblock].region)
    let bound = bound(superbounds[superblock], region, ask) + ask.capShare
    if bound < 0 { return }
    pushHeap(UInt64(bound.bitPattern) << 32 | UInt64(superblock))
  }

  private mutating func expand(_ superblock: Int, _ ask: BlockAsk) {
    work.superblocks += 1
    if superblocks[superblock].isLoose { computeBounds(ofSuperblock: superblock) }
    let row = superblocks[superblock]
    let region = Int(row.region)
    for block in Int(row.first)..<Int(row.first) + Int(row.count) {
      settleLeases(of: block, at: ask.leaseTime)
      let mask = mask(of: block)
      if mask == 0 { continue }
      let bound = bound(bounds[block], region, ask) + share(mask, block, ask)
      if isBelowAll(bound, ask) || sized(block, mask, ask) == 0 { continue }
      pushHeap(UInt64(bound.bitPattern) << 32 | 0x8000_0000 | UInt64(block))
    }
  }

  /// The miners of a block that pass all filters but those by number.
  @inline(__always)
  private func mask(of block: Int) -> UInt64 {
    let row = blocks[block]
    var mask = row.online & row.open & ~search.holes[block]
    return search.terms.withUnsafeBufferPointer { terms in
      var place = 0
      while place < search.mustEnd {
        mask &= terms[place][block]
        place += 1
      }
      for end in search.anyEnds {
        if mask == 0 { return 0 }
        var any: UInt64 = 0
        while place < end {
          any |= terms[place][block]
          place += 1
        }
        mask &= any
      }
      return mask
    }
  }

  /// The most that the cap part comes to for any of these miners.
  @inline(__always)
  private func share(_ mask: UInt64, _ block: Int, _ ask: BlockAsk) -> Float {
    if ask.askedCapabilities <= 1 { return ask.capShare }
    let met = mostMet(mask, block)
    return ask.capShare * (Float(met) / Float(ask.askedCapabilities))
  }

  /// How many of the asked capabilities the miner of this mask that has most of them has, or more.
  private func mostMet(_ mask: UInt64, _ block: Int) -> Int {
    let rare = search[.capabilitiesAny].rare.count
    let rareMet = rare > 0 && search[.capabilitiesAny].words[block] & mask != 0 ? rare : 0
    if search.shareRange.isEmpty {
      return max(1, max(rareMet, search[.capabilitiesAny].dense.count))
    }
    // A number for each miner, bit by bit, in four words.
    var ones: UInt64 = 0
    var twos: UInt64 = 0
    var fours: UInt64 = 0
    var eights: UInt64 = 0
    if search.shareRange.count > 15 { return rare + search.shareRange.count }
    for place in search.shareRange {
      var carry = search.terms[place][block] & mask
      (ones, carry) = (ones ^ carry, ones & carry)
      (twos, carry) = (twos ^ carry, twos & carry)
      (fours, carry) = (fours ^ carry, fours & carry)
      eights ^= carry
    }
    var most = 0
    var left = mask
    for (word, value) in [(eights, 8), (fours, 4), (twos, 2), (ones, 1)] where left & word != 0 {
      left &= word
      most += value
    }
    return most + rareMet
  }

  /// Who of a mask may pass the filters by number, as far as codes and buckets tell.
  @inline(__always)
  private func sized(_ block: Int, _ mask: UInt64, _ ask: BlockAsk) -> UInt64 {
    var mask = mask
    if ask.vramCode > 0 {
      mask &= Lanes.atLeast(ask.vramCode, vramCodes + block * 64)
    }
    if ask.ramCode > 0 && mask != 0 {
      mask &= Lanes.atLeast(ask.ramCode, ramCodes + block * 64)
    }
    if ask.isCapped && !ask.asksService && mask != 0 {
      mask &= Lanes.atMost(ask.priceBucket, priceBuckets + block * 64)
    }
    return mask
  }

  private mutating func look(at block: Int, _ mask: UInt64, _ ask: BlockAsk) {
    work.blocks += 1
    var bits = sized(block, mask, ask)
    while bits != 0 {
      let slot = block * 64 + bits.trailingZeroBitCount
      bits &= bits &- 1
      let line = lines[slot]
      if line.vramGB < ask.minVRAMGB || line.ramGB < ask.minRAMGB { continue }
      if line.trust < ask.minTrust { continue }
      var terms = Terms(price: line.price, slots: Int(line.slots))
      if ask.asksService {
        terms = self.terms(line, service: ask.service)
        if Int(line.taken) >= terms.slots { continue }
      }
      if terms.price > ask.maxPrice { continue }
      work.miners += 1
      offer(TopEntry(score: Score.total(parts(slot, line, terms, ask), weights), slot: slot), ask)
    }
  }

  func terms(_ line: MinerLine, service: UInt32) -> Terms {
    let row = Int(line.row)
    let own = Terms(price: line.price, slots: Int(line.slots))
    guard let offer = details[row].services.first(where: { $0.type == service }) else {
      return own
    }
    return Terms(
      price: overrides.isInForce(line.row) ? line.price : offer.price ?? line.price,
      slots: min(own.slots, offer.maxConcurrent))
  }

  @inline(__always)
  private func parts(
    _ slot: Int, _ line: MinerLine, _ terms: Terms, _ ask: BlockAsk
  ) -> ScoreParts {
    withRegion(Int(blocks[slot >> 6].region)) { region in
      let scale: ScoreInputs.PriceScale
      if ask.isCapped {
        scale = .cap(Price(units: ask.maxPrice))
      } else {
        let bucket =
          ask.asksService ? Bucket.index(of: terms.price) : Int(line.priceBucket)
        scale = .rank(region.prices.rank(bucket))
      }
      return Score.parts(
        ScoreInputs(
          askedCapabilities: ask.askedCapabilities,
          offeredCapabilities: ask.askedCapabilities < 2
            ? ask.askedCapabilities : metCount(slot, line),
          price: Price(units: terms.price), priceScale: scale,
          latencyRank: line.latencyBucket < 0
            ? nil : region.latencies.rank(Int(line.latencyBucket)),
          trust: line.trust, taken: Int(line.taken), slots: terms.slots))
    }
  }

  /// How many of the asked capabilities a miner has.
  private func metCount(_ slot: Int, _ line: MinerLine) -> Int {
    let group = search.groups[SearchRoom.Group.capabilitiesAny.rawValue]
    let bit = UInt64(slot & 63)
    var met = 0
    for words in group.dense where words[slot >> 6] >> bit & 1 == 1 { met += 1 }
    if !group.rare.isEmpty && group.words[slot >> 6] >> bit & 1 == 1 {
      let own = lists.lists(details[Int(line.row)].lists).capabilities
      for number in group.rare where lists.contains(number, in: own) { met += 1 }
    }
    return met
  }

  @inline(__always)
  private mutating func offer(_ entry: TopEntry, _ ask: BlockAsk) {
    if search.top.count == ask.limit {
      if !isBefore(entry, search.top[ask.limit - 1]) { return }
      search.top.removeLast()
    }
    var place = search.top.count
    while place > 0 && isBefore(entry, search.top[place - 1]) { place -= 1 }
    search.top.insert(entry, at: place)
  }

  @inline(__always)
  private func isBefore(_ left: TopEntry, _ right: TopEntry) -> Bool {
    if left.score != right.score { return left.score > right.score }
    let rows = memory.rows
    return rows[Int(lines[left.slot].row)].id < rows[Int(lines[right.slot].row)].id
  }

  private func candidate(_ entry: TopEntry, _ ask: BlockAsk) -> Candidate {
    let line = lines[entry.slot]
    let row = Int(line.row)
    var terms = Terms(price: line.price, slots: Int(line.slots))
    if ask.asksService { terms = self.terms(line, service: ask.service) }
    let latency = line.latencyBucket < 0 ? nil : memory.rows[row].live.avgLatencyMilliseconds
    return Candidate(
      minerID: memory.rows[row].id, addr: details[row].addr, proto: details[row].proto,
      region: regions[Int(blocks[entry.slot >> 6].region)]!.name, score: entry.score,
      parts: parts(entry.slot, line, terms, ask), price: Price(units: terms.price),
      trust: line.trust, etaMilliseconds: latency.map { $0 * Double(Int(line.taken) + 1) })
  }
}

// The heap of what is to be looked at.
extension BlockIndex {
  private mutating func pushHeap(_ key: UInt64) {
    search.heap.append(key)
    search.heap.withUnsafeMutableBufferPointer { heap in
      var place = heap.count - 1
      while place > 0 {
        let parent = (place - 1) / 2
        if heap[parent] >= key { break }
        heap[place] = heap[parent]
        place = parent
      }
      heap[place] = key
    }
  }

  private mutating func popHeap() -> UInt64? {
    guard let first = search.heap.first, let last = search.heap.popLast() else { return nil }
    search.heap.withUnsafeMutableBufferPointer { heap in
      if heap.isEmpty { return }
      var place = 0
      while true {
        var child = 2 * place + 1
        if child >= heap.count { break }
        if child + 1 < heap.count && heap[child + 1] > heap[child] { child += 1 }
        if heap[child] <= last { break }
        heap[place] = heap[child]
        place = child
      }
      heap[place] = last
    }
    return first
  }
}
