import Domain
import Index
import Testing

@Suite struct OracleTests {
  @Test("answers what the naive index answers, to the bit", arguments: 0..<30 as Range<UInt64>)
  func againstNaiveIndex(seed: UInt64) {
    // Some worlds have regions on both sides of what makes a large one.
    let sizes = [3, 20, 120, 450, 700]
    var world = RandomWorld(
      WorldShape(minerCount: sizes[Int(seed) % sizes.count]), seed: seed)
    var registries = IndexKind.allCases.map { $0.registry(graceMilliseconds: 30_000) }
    var naive = Registry<NaiveIndex>(weights: .standard, graceMilliseconds: 30_000)
    for step in 0..<80 {
      // The first steps people the world; later ones change it a little.
      let changeCount = step == 0 ? 6 * world.shape.minerCount : world.random.below(12)
      for _ in 0..<changeCount {
        let change = world.change(of: world.miner())
        for place in registries.indices { registries[place].apply(change, at: world.now) }
        naive.apply(change, at: world.now)
      }
      for _ in 0..<world.random.below(8) {
        let (id, difference) = (world.miner(), world.offers())
        for place in registries.indices { registries[place].countOffers(difference, to: id) }
        naive.countOffers(difference, to: id)
      }
      world.advance()
      let leaseTime = world.now.advanced(byMilliseconds: step % 20 < 5 ? -1_000 : 0)
      if world.random.chance(40) {
        for place in registries.indices {
          registries[place].tick(at: world.now, leaseTime: leaseTime)
        }
        naive.tick(at: world.now, leaseTime: leaseTime)
        expectSameStatistics(registries, naive, "seed \(seed), step \(step)")
      }
      let request = world.request()
      let expected = naive.match(request, at: world.now, leaseTime: leaseTime)
      for place in registries.indices {
        let answer = registries[place].match(request, at: world.now, leaseTime: leaseTime)
        if answer.isIdentical(to: expected) { continue }
        Issue.record(
          "\(IndexKind.allCases[place]), seed \(seed), step \(step): \(request)\n\(answer)\n\(expected)"
        )
        return
      }
      if let counts = expected.counts {
        #expect(counts.considered == counts.eligible + counts.rejected.reduce(0, +))
      }
    }
    #expect(registries.map(\.audit?.answers) == [nil, nil, 80])
    #expect(registries.last?.audit?.differences == 0, "seed \(seed)")
  }

  private func expectSameStatistics(
    _ registries: [any TestedRegistry], _ naive: Registry<NaiveIndex>, _ place: Comment
  ) {
    for registry in registries {
      var statistics = registry.statistics
      // A sum in another order has other last digits; RefreshTests looks at it.
      statistics.avgLatencyMilliseconds = nil
      #expect(statistics == naive.statistics, place)
    }
  }
}
