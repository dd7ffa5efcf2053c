import Domain

/// The second baseline: bit masks as an index has them, but neither bounds nor an order, so everyone who
/// passes is scored.
///
/// One bit a miner for each region, each tier of VRAM, each common capability, being online, being open, and 32 tiers of
/// price. A request's masks are ANDed 64 miners at a time; price and lease are then checked on who is left, since tiers
/// only come near. A rare capability is a list of its rows.
package struct MaskScan {
  private static let priceTierCount = 32

  private let columns: ScanColumns
  private let wordCount: Int
  private let masks: MaskRoom
  /// Distinct amounts, rising; the mask of tier t has who has at least that much.
  private let vramTiers: [UInt8]
  /// Rising; the mask of tier t has who asks at most that much.
  private let priceTiers: [Int32]
  private let rareRows: [Int: [UInt32]]
  /// Masks by place: regions, VRAM tiers, price tiers, common capabilities, online, open.
  private let vramStart: Int
  private let priceStart: Int
  private let capabilityStart: Int
  private let online: Int
  private let open: Int

  /// Takes what `columns` holds now; later heartbeats are told by `rowChanged`.
  package init(_ columns: ScanColumns) {
    self.columns = columns
    wordCount = (columns.count + 63) / 64
    vramTiers = Set((0..<columns.count).map { columns.vramGB[$0] }).sorted()
    let prices = (0..<columns.count).map { columns.price[$0] }.sorted()
    priceTiers =
      prices.isEmpty
      ? []
      : (1...Self.priceTierCount).map { prices[($0 * prices.count - 1) / Self.priceTierCount] }
    vramStart = BenchmarkWords.regions.count
    priceStart = vramStart + vramTiers.count
    capabilityStart = priceStart + priceTiers.count
    online = capabilityStart + BenchmarkWords.commonCapabilityCount
    open = online + 1
    masks = MaskRoom(wordCount: (open + 1) * wordCount)
    var rare: [Int: [UInt32]] = [:]
    for row in 0..<columns.count { Self.fill(row, columns, into: &rare) }
    rareRows = rare
    for row in 0..<columns.count { setMasks(of: row) }
  }

  /// A heartbeat was written to this row.
  package func rowChanged(_ row: Int) {
    // Nobody is taken out here for a lease that ends: that is checked on who is left.
    set(online, row, true)
    set(open, row, columns.isOpen[row] == 1)
  }

  package func match(_ query: MatchQuery, at now: Timestamp) -> ScanAnswer {
    let ask = ScanAsk(query, at: now, columns)
    var best = BestRows(limit: ask.topK)
    let filter = self.filter(ask)
    if let rows = rareRows(ask) {
      for row in rows where passes(Int(row), filter) { consider(Int(row), ask, &best) }
    } else {
      for word in 0..<wordCount {
        var bits = filter.word(word, masks.words)
        while bits != 0 {
          consider(word * 64 + bits.trailingZeroBitCount, ask, &best)
          bits &= bits - 1
        }
      }
    }
    return ScanAnswer(best: best.entries, counts: best.entries.isEmpty ? counts(ask) : nil)
  }

  // MARK: Making masks

  private static func fill(
    _ row: Int, _ columns: ScanColumns, into rare: inout [Int: [UInt32]]
  ) {
    for number in columns.capabilities[row].numbers
    where number >= BenchmarkWords.commonCapabilityCount {
      rare[number, default: []].append(UInt32(row))
    }
  }

  private func setMasks(of row: Int) {
    set(Int(columns.region[row]), row, true)
    for (tier, least) in vramTiers.enumerated() where columns.vramGB[row] >= least {
      set(vramStart + tier, row, true)
    }
    for (tier, most) in priceTiers.enumerated() where columns.price[row] <= most {
      set(priceStart + tier, row, true)
    }
    for number in columns.capabilities[row].numbers
    where number < BenchmarkWords.commonCapabilityCount {
      set(capabilityStart + number, row, true)
    }
    set(online, row, columns.deadline[row] > 0)
    set(open, row, columns.isOpen[row] == 1)
  }

  private func set(_ mask: Int, _ row: Int, _ value: Bool) {
    let bit: UInt64 = 1 << UInt64(row & 63)
    let word = mask * wordCount + row >> 6
    if value { masks.words[word] |= bit } else { masks.words[word] &= ~bit }
  }

  // MARK: Reading them

  /// Where the masks begin that have to hold, and those of which one has to.
  private struct Filter {
    var all: [Int]
    var any: [Int]

    @inline(__always)
    func word(_ place: Int, _ words: UnsafeMutablePointer<UInt64>) -> UInt64 {
      var bits = ~UInt64(0)
      for start in all { bits &= words[start + place] }
      if any.isEmpty || bits == 0 { return bits }
      var met: UInt64 = 0
      for start in any { met |= words[start + place] }
      return bits & met
    }
  }

  private func filter(_ ask: ScanAsk) -> Filter {
    var all: [Int] = []
    if let region = ask.region { all.append(Int(region)) }
    if let vram = vramMask(ask) { all.append(vram) }
    if let tier = priceTiers.firstIndex(where: { $0 >= ask.maxPriceUnits }) {
      all.append(priceStart + tier)
    }
    all += [open, online]
    all += ask.allOf.numbers.map { capabilityStart + $0 }
    let any = ask.anyOf.isCommon ? ask.anyOf.numbers.map { capabilityStart + $0 } : []
    return Filter(all: all.map { $0 * wordCount }, any: any.map { $0 * wordCount })
  }

  /// nil when everybody has so much.
  private func vramMask(_ ask: ScanAsk) -> Int? {
    guard let least = vramTiers.first, ask.minVRAMGB > UInt16(least) else { return nil }
    let tier = vramTiers.firstIndex { UInt16($0) >= ask.minVRAMGB } ?? vramTiers.count - 1
    return vramStart + tier
  }

  /// The rows to look at where a rare capability is asked; nil: all.
  private func rareRows(_ ask: ScanAsk) -> [UInt32]? {
    ask.anyOf.isCommon ? nil : rareRows[Int(ask.anyOf.first), default: []]
  }

  @inline(__always)
  private func passes(_ row: Int, _ filter: Filter) -> Bool {
    filter.word(row >> 6, masks.words) >> UInt64(row & 63) & 1 == 1
  }

  @inline(__always)
  private func consider(_ row: Int, _ ask: ScanAsk, _ best: inout BestRows) {
    if columns.deadline[row] <= ask.now || columns.price[row] > ask.maxPriceUnits { return }
    if UInt16(columns.vramGB[row]) < ask.minVRAMGB { return }
    best.offer(row, score: columns.score(row, ask, offered: offered(row, ask)))
  }

  @inline(__always)
  private func offered(_ row: Int, _ ask: ScanAsk) -> Int {
    // Who comes from a rare capability's list has it, and no other is asked then.
    if ask.anyOf.first >= BenchmarkWords.commonCapabilityCount {
      return ask.anyOf.count
    }
    let held = bit(of: ask.anyOf.first, row)
    return ask.anyOf.count == 1 ? held : held + bit(of: ask.anyOf.second, row)
  }

  @inline(__always)
  private func bit(of capability: UInt16, _ row: Int) -> Int {
    let word = (capabilityStart + Int(capability)) * wordCount + row >> 6
    return Int(masks.words[word] >> UInt64(row & 63) & 1)
  }

  /// A second pass, for requests that nobody fits: what each mask takes away, counted in words.
  private func counts(_ ask: ScanAsk) -> MatchCounts {
    var rejected = [Int](repeating: 0, count: RejectionReason.allCases.count)
    let capabilities = Filter(
      all: ask.allOf.numbers.map { (capabilityStart + $0) * wordCount },
      any: ask.anyOf.isCommon
        ? ask.anyOf.numbers.map { (capabilityStart + $0) * wordCount } : [])
    let rare = rareRows(ask).map { Set($0) }
    for word in 0..<wordCount {
      let rows = min(64, columns.count - word * 64)
      var bits = rows == 64 ? ~UInt64(0) : (1 << UInt64(rows)) - 1
      func reject(_ reason: RejectionReason, keeping mask: UInt64) {
        rejected[reason.rawValue] += (bits & ~mask).nonzeroBitCount
        bits &= mask
      }
      reject(
        .offline,
        keeping: exact(word, bits & masks.words[online * wordCount + word]) {
          columns.deadline[$0] > ask.now
        })
      if let region = ask.region {
        reject(.region, keeping: masks.words[Int(region) * wordCount + word])
      }
      if let vram = vramMask(ask) {
        let mask = masks.words[vram * wordCount + word]
        reject(
          .vram, keeping: exact(word, bits & mask) { UInt16(columns.vramGB[$0]) >= ask.minVRAMGB })
      }
      reject(.capability, keeping: capabilities.word(word, masks.words))
      if let rare {
        reject(.capability, keeping: exact(word, bits) { rare.contains(UInt32($0)) })
      }
      reject(.price, keeping: exact(word, bits) { columns.price[$0] <= ask.maxPriceUnits })
      reject(.full, keeping: 0)
    }
    return MatchCounts(eligible: 0, considered: columns.count, rejected: rejected)
  }

  @inline(__always)
  private func exact(_ word: Int, _ bits: UInt64, _ holds: (Int) -> Bool) -> UInt64 {
    var (rest, kept) = (bits, bits)
    while rest != 0 {
      let bit = rest.trailingZeroBitCount
      if !holds(word * 64 + bit) { kept &= ~(1 << UInt64(bit)) }
      rest &= rest - 1
    }
    return kept
  }
}

/// Words of masks, all 0 at first, freed with their owner.
final class MaskRoom {
  let words: UnsafeMutablePointer<UInt64>

  init(wordCount: Int) {
    words = .allocate(capacity: wordCount)
    words.initialize(repeating: 0, count: wordCount)
  }

  deinit { words.deallocate() }
}
