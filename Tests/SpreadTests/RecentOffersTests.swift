import Domain
import Index
import Spread
import Testing

@Suite struct RecentOffersTests {
  private let noon = Timestamp(milliseconds: 1_700_000_000_000)
  private var registry = Registry<BlockIndex>(weights: .standard, graceMilliseconds: 60_000)

  init() {
    // The dear one is worse and has room for more.
    for (name, price, slots) in [("cheap", 1, 2), ("dear", 9, 40_000)] {
      var profile = MinerProfile()
      profile.maxParallel = slots
      profile.price = Price(units: Int64(price) * 1_000_000)
      let id = MinerID(name)!
      registry.apply(
        [
          .record(MinerRecord(id: id, version: 1, profile: profile)),
          .status(id, StatusPatch(at: noon, leaseMilliseconds: 60_000)),
        ], at: noon)
    }
  }

  private mutating func best(
    _ offers: inout RecentOffers, now: Int64, spread: Bool = true
  ) -> String? {
    var query = MatchQuery(jobID: "job")
    query.isSpread = spread
    query.maxPrice = Price(units: 10_000_000)
    offers.settle(in: &registry, now: now)
    let answer = registry.match(query, at: noon, leaseTime: noon)
    if spread { offers.note(answer.candidates, in: &registry, now: now) }
    return answer.candidates.first?.minerID.text
  }

  @Test("the best miner is offered as often as it has free slots, until an offer's time is over")
  mutating func expiry() {
    var offers = RecentOffers(lifetimeMilliseconds: 10)
    #expect(best(&offers, now: 0) == "cheap")
    #expect(best(&offers, now: 5_000) == "cheap")
    #expect(best(&offers, now: 9_999) == "dear")
    #expect(best(&offers, now: 10_000) == "cheap")
    #expect(best(&offers, now: 10_001) == "dear")
    #expect(offers.count == 4)
    #expect(best(&offers, now: 1_000_000) == "cheap")
    #expect(offers.count == 1)
  }

  @Test("other matches neither count nor are held back")
  mutating func others() {
    var offers = RecentOffers(lifetimeMilliseconds: 10)
    for _ in 0..<5 { #expect(best(&offers, now: 0, spread: false) == "cheap") }
    #expect(best(&offers, now: 0) == "cheap")
    #expect(best(&offers, now: 0) == "cheap")
    #expect(best(&offers, now: 0) == "dear")
    #expect(best(&offers, now: 0, spread: false) == "cheap")
  }

  @Test("a heartbeat changes nothing of what was offered, and what it says counts as well")
  mutating func heartbeat() {
    var offers = RecentOffers(lifetimeMilliseconds: 10)
    #expect(best(&offers, now: 0) == "cheap")
    var patch = StatusPatch(at: noon, leaseMilliseconds: 60_000)
    patch.queueLength = 1
    registry.apply([.status(MinerID("cheap")!, patch)], at: noon)
    #expect(best(&offers, now: 1) == "dear")
  }

  @Test("beyond the limit the oldest offers stop counting, and that is counted")
  mutating func limit() {
    var offers = RecentOffers(lifetimeMilliseconds: 60_000)
    for _ in 0..<2 { _ = best(&offers, now: 0) }
    for _ in 2..<RecentOffers.limit { #expect(best(&offers, now: 0) == "dear") }
    #expect(offers.forgottenCount == 0)
    // Both of the cheap one's go, one by one, before the answer is noted.
    #expect(best(&offers, now: 0) == "dear")
    #expect(best(&offers, now: 0) == "cheap")
    #expect(offers.forgottenCount == 2)
    #expect(offers.count == RecentOffers.limit)
  }

  @Test("a miner that goes takes its offers along, and their end is nobody's")
  mutating func leaving() {
    var offers = RecentOffers(lifetimeMilliseconds: 10)
    #expect(best(&offers, now: 0) == "cheap")
    var index = ScanIndex(weights: .standard)
    index.countOffers(-1, to: MinerID("nobody")!)
    registry.countOffers(-5, to: MinerID("cheap")!)
    #expect(best(&offers, now: 20_000) == "cheap")
    #expect(best(&offers, now: 20_000) == "cheap")
    #expect(best(&offers, now: 20_000) == "dear")
  }
}
