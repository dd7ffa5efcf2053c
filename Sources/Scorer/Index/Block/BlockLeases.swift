import Domain

// Who is online, and the tables over them.
extension BlockIndex {
  /// Takes a line in or out of what its region counts of online miners.
  @inline(__always)
  mutating func count(_ line: MinerLine, in number: Int, by change: Int) {
    regionRows[number].isChanged = true
    if line.latencyBucket >= 0 {
      regionRows[number].latencyUnitsSum += Int64(change) * Int64(line.latencyUnits)
    }
    guard let prices = regionRows[number].priceCounts,
      let latencies = regionRows[number].latencyCounts
    else { return }
    prices[Int(line.priceBucket)] &+= UInt32(truncatingIfNeeded: change)
    if line.latencyBucket >= 0 {
      latencies[Int(line.latencyBucket)] &+= UInt32(truncatingIfNeeded: change)
    }
  }

  /// Makes a block's word of online miners right for this lease time.
  @inline(__always)
  mutating func settleLeases(of block: Int, at leaseTime: Int64) {
    let row = blocks[block]
    if row.validFrom <= leaseTime && leaseTime < row.nextExpiry { return }
    computeOnline(block, at: leaseTime)
  }

  private mutating func computeOnline(_ block: Int, at leaseTime: Int64) {
    var online: UInt64 = 0
    var next = Int64.max
    var bits = blocks[block].occupied
    while bits != 0 {
      let place = bits.trailingZeroBitCount
      bits &= bits &- 1
      let deadline = lines[block * 64 + place].deadline
      if deadline > leaseTime {
        online |= 1 << UInt64(place)
        next = min(next, deadline)
      }
    }
    var changed = online ^ blocks[block].online
    let number = Int(blocks[block].region)
    while changed != 0 {
      let place = changed.trailingZeroBitCount
      changed &= changed &- 1
      let isOnline = online >> UInt64(place) & 1 == 1
      count(lines[block * 64 + place], in: number, by: isOnline ? 1 : -1)
    }
    blocks[block].online = online
    ready[block] = blocks[block].ready
    blocks[block].validFrom = leaseTime
    blocks[block].nextExpiry = next
    let superblock = superblocks + Int(blocks[block].superblock)
    superblock.pointee.validFrom = max(superblock.pointee.validFrom, leaseTime)
    superblock.pointee.nextExpiry = min(superblock.pointee.nextExpiry, next)
  }

  /// Makes the words of all of a superblock's blocks right for this lease time.
  @inline(__always)
  mutating func settleLeases(ofSuperblock superblock: Int, at leaseTime: Int64) {
    let row = superblocks[superblock]
    if row.validFrom <= leaseTime && leaseTime < row.nextExpiry { return }
    settleBlocks(ofSuperblock: superblock, at: leaseTime)
  }

  private mutating func settleBlocks(ofSuperblock superblock: Int, at leaseTime: Int64) {
    let row = superblocks[superblock]
    var (validFrom, nextExpiry) = (Int64.min, Int64.max)
    for block in Int(row.first)..<Int(row.first) + Int(row.count) {
      settleLeases(of: block, at: leaseTime)
      validFrom = max(validFrom, blocks[block].validFrom)
      nextExpiry = min(nextExpiry, blocks[block].nextExpiry)
    }
    superblocks[superblock].validFrom = validFrom
    superblocks[superblock].nextExpiry = nextExpiry
  }

  mutating func settleLeases(ofRegion number: Int, at leaseTime: Int64) {
    for superblock in regions[number]!.superblocks {
      settleLeases(ofSuperblock: Int(superblock), at: leaseTime)
    }
  }

  /// Makes a region's tables those of this moment.
  mutating func refreshTables(_ number: Int, at leaseTime: Int64) {
    settleLeases(ofRegion: number, at: leaseTime)
    regionRows[number].wasLarge = regionRows[number].isLarge
    if !regionRows[number].isChanged { return }
    regionRows[number].isChanged = false
    regionRows[number].shownLatencyUnitsSum = regionRows[number].latencyUnitsSum
    if regionRows[number].isLarge && regionRows[number].priceCounts == nil {
      let prices = memory.allocate(UInt32.self, count: Bucket.count)
      let latencies = memory.allocate(UInt32.self, count: Bucket.count)
      tally(number, prices, latencies)
      regionRows[number].priceCounts = prices
      regionRows[number].latencyCounts = latencies
    } else if !regionRows[number].isLarge {
      forgetCounts(number)
    }
    if let prices = regionRows[number].priceCounts, let latencies = regionRows[number].latencyCounts
    {
      buildTables(number, prices, latencies)
    } else {
      tally(number, priceCounts, latencyCounts)
      buildTables(number, priceCounts, latencyCounts)
      clearTally(number)
    }
  }

  private mutating func buildTables(
    _ number: Int, _ prices: Column<UInt32>, _ latencies: Column<UInt32>
  ) {
    let fall = Self.rebuild(&regionRows[number].latencies, latencies, memory)
    let priceFall = Self.rebuild(&regionRows[number].prices, prices, memory)
    addSlack(number, latency: fall, price: priceFall)
  }

  /// - Returns: how much a rank has fallen at most.
  private static func rebuild(
    _ table: inout RankTable, _ counts: Column<UInt32>, _ memory: BlockMemory
  ) -> Double {
    var spare = memory.spareTable()
    spare.build(counts, memory)
    let fall = spare.greatestFall(from: table)
    memory.keepSpare(table)
    table = spare
    return fall
  }

  mutating func forgetCounts(_ number: Int) {
    if let prices = regionRows[number].priceCounts { memory.free(prices) }
    if let latencies = regionRows[number].latencyCounts { memory.free(latencies) }
    regionRows[number].priceCounts = nil
    regionRows[number].latencyCounts = nil
  }

  private func tally(_ number: Int, _ prices: Column<UInt32>, _ latencies: Column<UInt32>) {
    forEachOnline(number) { line in
      prices[Int(line.priceBucket)] += 1
      if line.latencyBucket >= 0 { latencies[Int(line.latencyBucket)] += 1 }
    }
  }

  private func clearTally(_ number: Int) {
    forEachOnline(number) { line in
      priceCounts[Int(line.priceBucket)] = 0
      if line.latencyBucket >= 0 { latencyCounts[Int(line.latencyBucket)] = 0 }
    }
  }

  @inline(__always)
  private func forEachOnline(_ number: Int, _ body: (MinerLine) -> Void) {
    for superblock in regions[number]!.superblocks {
      let row = superblocks[Int(superblock)]
      for block in Int(row.first)..<Int(row.first) + Int(row.count) {
        var bits = blocks[block].online
        while bits != 0 {
          body(lines[block * 64 + bits.trailingZeroBitCount])
          bits &= bits &- 1
        }
      }
    }
  }

  /// Makes prices those of this moment.
  mutating func settlePrices(at now: Timestamp) {
    let time = now.milliseconds
    if time >= overrides.now && time < overrides.nextEnd { return }
    for row in overrides.advance(to: time) {
      guard let override = overrides.all[row] else { continue }
      let slot = Int(rows[Int(row)].slot)
      var line = lines[slot]
      line.isOverridden = overrides.isInForce(row)
      line.price = overrides.price(of: row, own: override.own)
      line.priceBucket = Int16(Bucket.index(of: line.price))
      replaceLine(slot, with: line)
    }
  }

  package mutating func refresh(at now: Timestamp, leaseTime: Timestamp) {
    own()
    settlePrices(at: now)
    for number in regions.indices where regions[number] != nil {
      refreshTables(number, at: leaseTime.milliseconds)
    }
    orderIfNeeded(at: leaseTime.milliseconds)
  }
}
