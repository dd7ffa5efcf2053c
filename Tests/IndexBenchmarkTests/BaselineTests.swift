import Domain
import Index
import IndexBenchmark
import Testing

@Suite("Both baselines answer what the indexes answer") struct BaselineTests {
  struct World: Sendable, CustomTestStringConvertible {
    var miners: Int
    var seed: UInt64
    var testDescription: String { "\(miners) miners, seed \(seed)" }
  }

  static let worlds = [1, 2, 63, 64, 65, 700, 3_000].enumerated().map { place, miners in
    World(miners: miners, seed: UInt64(place))
  }

  @Test("on a registry as it was loaded, and after heartbeats and ended leases", arguments: worlds)
  func sameAnswers(world: World) {
    let population = MinerPopulation(seed: world.seed)
    let columns = ScanColumns(capacity: world.miners, start: population.start)
    var block = BlockIndex(weights: .standard)
    var scan = ScanIndex(weights: .standard)
    for row in 0..<world.miners {
      let miner = population.miner(row)
      columns.add(miner)
      take(miner, &block)
      take(miner, &scan)
    }
    let masks = MaskScan(columns)
    expectSame(world, columns, masks, &block, &scan, at: population.start)

    // Within these five seconds leases ended; every third miner said something new meanwhile.
    let later = population.start.advanced(byMilliseconds: 5_000)
    for row in stride(from: 0, to: world.miners, by: 3) {
      let patch = heartbeat(row, at: later.advanced(byMilliseconds: -100))
      block.apply(patch, to: MinerPopulation.id(row))
      scan.apply(patch, to: MinerPopulation.id(row))
      columns.write(patch, to: row)
      masks.rowChanged(row)
    }
    expectSame(world, columns, masks, &block, &scan, at: later)
  }

  @Test("a request that nobody fits gets the same counts")
  func counts() throws {
    let population = MinerPopulation(seed: 9)
    let columns = ScanColumns(capacity: 500, start: population.start)
    var scan = ScanIndex(weights: .standard)
    for row in 0..<500 {
      columns.add(population.miner(row))
      take(population.miner(row), &scan)
    }
    columns.refresh(at: population.start)
    var query = MatchQuery(jobID: "job")
    query.minVRAMGB = 1_000
    let expected = scan.match(query, at: population.start)
    let counts = try #require(expected.counts)
    #expect(counts.considered == 500 && counts.eligible == 0)
    #expect(PlainScan(columns).match(query, at: population.start).equals(expected))
    #expect(MaskScan(columns).match(query, at: population.start).equals(expected))
  }

  private func expectSame(
    _ world: World, _ columns: ScanColumns, _ masks: MaskScan, _ block: inout BlockIndex,
    _ scan: inout ScanIndex, at now: Timestamp
  ) {
    block.refresh(at: now)
    scan.refresh(at: now)
    columns.refresh(at: now)
    let plain = PlainScan(columns)
    for request in BenchmarkRequests.mix(400, seed: world.seed) {
      let expected = scan.match(request.query, at: now)
      #expect(block.match(request.query, at: now) == expected)
      #expect(plain.match(request.query, at: now).equals(expected), "\(request)")
      #expect(masks.match(request.query, at: now).equals(expected), "\(request)")
    }
  }

  private func take(_ miner: MinerPopulation.Miner, _ index: inout some MinerIndex) {
    index.upsert(miner.record)
    index.apply(miner.status, to: miner.record.id)
    index.apply(miner.trust, to: miner.record.id)
  }

  private func heartbeat(_ row: Int, at time: Timestamp) -> StatusPatch {
    var patch = StatusPatch(at: time, leaseMilliseconds: row % 2 == 0 ? 60_000 : 50)
    patch.queueLength = UInt32(row % 4)
    patch.avgLatencyMilliseconds = Double(row % 97) * 1.7
    return patch
  }
}
