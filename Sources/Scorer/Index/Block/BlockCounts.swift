import Domain

// Where all the miners went, in a pass over all blocks.
extension BlockIndex {
  func counts(_ ask: BlockAsk) -> MatchCounts {
    var rejected = [Int](repeating: 0, count: RejectionReason.allCases.count)
    var eligible = 0
    rejected.withUnsafeMutableBufferPointer { rejected in
      for block in 0..<blockCount where blocks[block].occupied != 0 {
        eligible += count(block, ask, rejected.baseAddress!)
      }
    }
    return MatchCounts(
      eligible: eligible, considered: ids.count - room.holeSlots.count, rejected: rejected)
  }

  mutating func counts(settling ask: BlockAsk) -> MatchCounts {
    for block in 0..<blockCount { settleLeases(of: block, at: ask.leaseTime) }
    return counts(ask)
  }

  /// - Returns: how many pass all filters.
  @inline(__always)
  private func count(_ block: Int, _ ask: BlockAsk, _ rejected: Column<Int>) -> Int {
    var left = blocks[block].occupied & ~room.holes[block]
    func keep(_ passing: UInt64, _ reason: RejectionReason) {
      rejected[reason.rawValue] += (left & ~passing).nonzeroBitCount
      left &= passing
    }
    keep(blocks[block].online, .offline)
    if ask.region != -1 && ask.region != Int(blocks[block].region) { keep(0, .region) }
    if left == 0 { return 0 }
    keep(any(.accelAny, block), .accel)
    keep(sized(block, left, vramTiers, ask.minVRAMGB, \.vramGB), .vram)
    keep(sized(block, left, ramTiers, ask.minRAMGB, \.ramGB), .ram)
    keep(any(.capabilitiesAny, block) & all(.capabilitiesAll, block), .capability)
    keep(any(.tagsAny, block) & all(.tagsAll, block), .tag)
    keep(all(.service, block), .service)
    if left == 0 { return 0 }
    if ask.isCapped { keep(affordable(block, left, ask), .price) }
    if ask.minTrust > -.infinity || ask.maxTrust < .infinity {
      keep(
        each(left) { place in
          let trust = lines[block * 64 + place].trust
          return trust >= ask.minTrust && trust <= ask.maxTrust
        }, .trust)
    }
    keep(blocks[block].open, .full)
    if ask.asksService || ask.isSpread {
      keep(
        each(left) { place in
          let line = lines + (block * 64 + place)
          let slots =
            ask.asksService
            ? searchColumns.terms(line, service: ask.service).slots : Int(line.pointee.slots)
          return ask.taken(line) < slots
        }, .full)
    }
    return left.nonzeroBitCount
  }

  @inline(__always)
  private func any(_ group: SearchRoom.Group, _ block: Int) -> UInt64 {
    room.groups.withUnsafeBufferPointer { groups in
      if !groups[group.rawValue].isAsked { return .max }
      if groups[group.rawValue].isImpossible { return 0 }
      return groups[group.rawValue].dense.reduce(sets[groups[group.rawValue].marked].words[block]) {
        $0 | $1.words[block]
      }
    }
  }

  @inline(__always)
  private func all(_ group: SearchRoom.Group, _ block: Int) -> UInt64 {
    room.groups.withUnsafeBufferPointer { groups in
      if !groups[group.rawValue].isAsked { return .max }
      if groups[group.rawValue].isImpossible { return 0 }
      let start =
        groups[group.rawValue].rare.isEmpty
        ? UInt64.max : sets[groups[group.rawValue].marked].words[block]
      return groups[group.rawValue].dense.reduce(start) { $0 & $1.words[block] }
    }
  }

  /// Who of `left` says yes.
  @inline(__always)
  private func each(_ left: UInt64, _ body: (Int) -> Bool) -> UInt64 {
    var (passing, bits): (UInt64, UInt64) = (0, left)
    while bits != 0 {
      let place = bits.trailingZeroBitCount
      bits &= bits &- 1
      if body(place) { passing |= 1 << UInt64(place) }
    }
    return passing
  }

  @inline(__always)
  private func sized(
    _ block: Int, _ left: UInt64, _ tiers: SizeTiers, _ least: Double,
    _ size: KeyPath<MinerLine, Double>
  ) -> UInt64 {
    if least <= 0 { return .max }
    var passing = left
    if let tier = tiers.tier(atMost: least) {
      passing &= sets[tiers.sets[tier]].words[block]
      if tiers.sizes[tier] == least { return passing }
    }
    return each(passing) { lines[block * 64 + $0][keyPath: size] >= least }
  }

  private func affordable(_ block: Int, _ left: UInt64, _ ask: BlockAsk) -> UInt64 {
    if ask.asksService {
      return each(left) {
        searchColumns.terms(lines + (block * 64 + $0), service: ask.service).price <= ask.maxPrice
      }
    }
    let bucket = UInt16(Bucket.index(of: ask.maxPrice))
    let column = priceBuckets + block * 64
    let above = ~Lanes.atMost(bucket, column)
    let below = ~Lanes.atLeast(bucket, column)
    let equal = ~above & ~below & left
    if equal == 0 { return below }
    return below | each(equal) { lines[block * 64 + $0].price <= ask.maxPrice }
  }
}
