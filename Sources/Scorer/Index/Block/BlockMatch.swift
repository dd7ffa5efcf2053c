import CVector
import Domain

/// The columns that a search reads, by address.
struct SearchColumns {
  let lines: Column<MinerLine>
  let rows: Column<MinerRow>
  let details: Column<MinerDetails>
  let lists: ListPool.Addresses
  let blocks: Column<BlockRow>
  let ready: Column<UInt64>
  let bounds: Column<SIMD16<Float>>
  let laneBounds: Column<Float>
  let superblocks: Column<SuperblockRow>
  let superbounds: Column<SIMD16<Float>>
  let regions: Column<RegionRow>

  @inline(__always)
  func region(of block: Int) -> Column<RegionRow> { regions + Int(blocks[block].region) }

  func id(of slot: Int) -> MinerID { rows[Int(lines[slot].row)].id }

  /// What a miner would do a job of its service for.
  func terms(_ line: Column<MinerLine>, service: UInt32) -> Terms {
    let own = Terms(price: line.pointee.price, slots: Int(line.pointee.slots))
    let services = details[Int(line.pointee.row)].services
    guard let offer = services.first(where: { $0.type == service }) else { return own }
    return Terms(
      price: line.pointee.isOverridden ? own.price : offer.price ?? own.price,
      slots: min(own.slots, offer.maxConcurrent))
  }
}

extension SearchRoom {
  /// What a search works with, by address.
  struct Addresses {
    let terms: Column<SlotSet>
    let mustEnd: Int
    let anyEnds: Column<Int>
    let anyCount: Int
    let termCount: Int
    let shareRange: Range<Int>
    let rareCapabilities: Column<UInt32>
    let rareCapabilityCount: Int
    let rareMarks: SlotSet
    let holes: Column<UInt64>
    let hasHoles: Bool
    let heap: Column<UInt64>
    let stagedBounds: Column<Float>
    let stagedMasks: Column<UInt64>
    let stagedSieved: Column<UInt64>
    let walk: Column<WalkedBlock>
    let top: Column<TopEntry>
  }

  func addresses(_ sets: SetPool) -> Addresses {
    Addresses(
      terms: terms, mustEnd: mustEnd, anyEnds: anyEnds, anyCount: anyCount,
      termCount: termCount, shareRange: shareRange, rareCapabilities: rareCapabilities,
      rareCapabilityCount: rareCapabilityCount, rareMarks: sets[self[.capabilitiesAny].marked],
      holes: holes, hasHoles: !holeSlots.isEmpty, heap: heap, stagedBounds: stagedBounds,
      stagedMasks: stagedMasks,
      stagedSieved: stagedSieved, walk: walk, top: top)
  }
}

// From a request to its answer.
extension BlockIndex {
  package mutating func match(
    _ query: MatchQuery, at now: Timestamp, leaseTime: Timestamp
  ) -> MatchAnswer {
    own()
    settleArrivals()
    let ask = prepare(query, at: now, leaseTime: leaseTime)
    var found = BlockSearch(ask, searchColumns, room.addresses(sets))
    if !ask.isImpossible { run(&found) }
    let isCounted = query.explainsFully || found.topCount == 0
    fetchTop(found.topCount)
    // Not by `map`: its closure would take a hold on all that it needs, for each candidate anew.
    var candidates: [Candidate] = []
    candidates.reserveCapacity(found.topCount)
    for place in 0..<found.topCount { candidates.append(candidate(room.top[place], found)) }
    return MatchAnswer(candidates: candidates, counts: isCounted ? counts(settling: ask) : nil)
  }

  private mutating func run(_ search: inout BlockSearch) {
    let ask = search.ask
    let rare = room.groups.firstIndex { $0.isRareOnly }
    if let rare {
      for block in room.groups[rare].touched { settleLeases(of: Int(block), at: ask.leaseTime) }
    } else if ask.region >= 0 {
      settleLeases(ofRegion: ask.region, at: ask.leaseTime)
    } else {
      for superblock in 0..<superblockCount {
        settleLeases(ofSuperblock: superblock, at: ask.leaseTime)
      }
    }
    if let rare {
      for block in room.groups[rare].touched { search.walk(to: Int(block)) }
      search.endWalk()
    } else if search.hasTwoRounds {
      search.begin(.both)
      forEachSuperblock(ask) { search.add($0) }
      if ask.expectedBoth < Self.fewBoth * Double(ask.limit) {
        search.walkBoth()
      } else {
        search.run()
      }
      search.begin(.one)
      forEachSuperblock(ask) { search.add($0) }
      search.run()
    } else {
      forEachSuperblock(ask) { search.add($0) }
      search.run()
    }
    work.add(search.work)
  }

  /// For each wanted candidate so many miners with both capabilities are too few to be searched by
  /// their order: most superblocks would be looked into anyway. Measured.
  private static let fewBoth = 30.0

  @inline(__always)
  private func forEachSuperblock(_ ask: BlockAsk, _ body: (Int) -> Void) {
    if ask.region >= 0 {
      for superblock in regions[ask.region]!.superblocks { body(Int(superblock)) }
    } else {
      for superblock in 0..<superblockCount where superblocks[superblock].count > 0 {
        body(superblock)
      }
    }
  }

  var searchColumns: SearchColumns {
    SearchColumns(
      lines: lines, rows: rows, details: details, lists: lists.addresses, blocks: blocks,
      ready: ready, bounds: bounds, laneBounds: laneBounds, superblocks: superblocks,
      superbounds: superbounds, regions: regionRows)
  }

  /// Asks for what the answer says of the best, which nothing has read so far.
  private func fetchTop(_ count: Int) {
    for place in 0..<count {
      let row = Int(lines[room.top[place].slot].row)
      prefetch(rows + row)
      prefetch(details + row)
    }
    // The answer takes another hold on each address, which writes beside its bytes.
    for place in 0..<count { prefetchText(details + Int(lines[room.top[place].slot].row)) }
  }

  /// Asks for a long text's bytes. Where they are is read from the text itself, since taking hold of
  /// it would be what is to be quick; were the layout ever another, some other line is asked for.
  @inline(__always)
  private func prefetchText(_ details: Column<MinerDetails>) {
    let words = UnsafeRawPointer(details).assumingMemoryBound(to: UInt.self)
    prefetch(UnsafeRawPointer(bitPattern: words[1] & 0x00FF_FFFF_FFFF_FFFF))
  }

  private func candidate(_ entry: TopEntry, _ search: BlockSearch) -> Candidate {
    let line = lines + entry.slot
    let row = Int(line.pointee.row)
    let number = Int(blocks[entry.slot >> 6].region)
    let terms = search.terms(line)
    let latency =
      line.pointee.latencyBucket < 0 ? nil : rows[row].live.avgLatencyMilliseconds
    return Candidate(
      minerID: rows[row].id, addr: details[row].addr, proto: details[row].proto,
      region: regions[number]!.name, score: entry.score,
      parts: search.parts(
        line, terms, regionRows + number, search.metCount(entry.slot, line)),
      price: Price(units: terms.price), trust: line.pointee.trust,
      etaMilliseconds: latency.map { $0 * Double(Int(line.pointee.taken) + 1) })
  }
}
