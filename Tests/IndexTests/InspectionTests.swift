import Domain
import Index
import Testing

@Suite("What is held of a miner")
struct InspectionTests {
  @Test("is told of live and dormant miners, and changes nothing")
  func holding() { look(BlockIndex.self) }

  @Test("is told by the plain index, too")
  func plainHolding() { look(ScanIndex.self) }

  private func look<Index: MinerIndex>(_: Index.Type) {
    var registry = Registry<Index>(weights: .standard, graceMilliseconds: 1_000)
    let status = patch { $0.queueLength = 2 }
    registry.apply(.record(record("m", version: 4) { $0.maxParallel = 3 }), at: noon)
    registry.apply(.trust(id("m"), trust(0.8, version: 3)), at: noon)
    registry.apply(.status(id("m"), status), at: noon)
    #expect(registry.holding(of: id("nobody"), at: noon) == nil)
    var expected = MinerHolding(
      id: id("m"), recordVersion: 4, isLive: true, price: record("m").profile.price,
      maxParallel: 3, trust: trust(0.8, version: 3), status: status)
    #expect(registry.holding(of: id("m"), at: noon) == expected)
    registry.tick(at: status.expiresAt.advanced(byMilliseconds: 1_001))
    expected.isLive = false
    #expect(registry.holding(of: id("m"), at: noon) == expected)
  }
}
