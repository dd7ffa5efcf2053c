import Domain
import Index
import TestRandom
import Testing

@Suite("A registry that gets other weights")
struct ReweighingTests {
  @Test("answers as one that had them from the start, and keeps who is dormant")
  func moved() {
    let former = Weights(cap: 0.4, price: 0.2, latency: 0.2, trust: 0.15, load: 0.05)
    let new = Weights(cap: 0.1, price: 0.6, latency: 0.05, trust: 0.2, load: 0.05)
    var moved = Registry<BlockIndex>(weights: former, graceMilliseconds: 120_000)
    var made = Registry<ScanIndex>(weights: new, graceMilliseconds: 120_000)
    var random = SplitMix64(seed: 7)
    for number in 0..<500 {
      for change in Self.changes(of: number, &random) {
        moved.apply(change, at: noon)
        made.apply(change, at: noon)
      }
    }
    moved.tick(at: noon)
    made.tick(at: noon)
    var ask = query { $0.topK = 20 }
    let before = moved.match(ask, at: noon)
    moved.move(to: { BlockIndex(weights: new) }, leaseTime: noon)
    moved.tick(at: noon)
    #expect(moved.statistics.live == made.statistics.live)
    #expect(moved.statistics.known == 500)
    #expect(moved.statistics.onlineByRegion == made.statistics.onlineByRegion)
    #expect(moved.match(ask, at: noon).candidates != before.candidates)
    for region in ["", "eu", "us"] {
      ask.region = region.isEmpty ? nil : region
      #expect(moved.match(ask, at: noon) == made.match(ask, at: noon))
    }
  }

  private static func changes(of number: Int, _ random: inout SplitMix64) -> [Change] {
    let name = "m-\(number)"
    let region = number.isMultiple(of: 3) ? "us" : "eu"
    let price = Price(units: Int64.random(in: 1...900_000_000, using: &random))
    let latency = Double.random(in: 1...900, using: &random)
    let score = Double.random(in: 0...1, using: &random)
    var changes: [Change] = [
      .record(
        record(name) {
          $0.region = region
          $0.price = price
        }), .trust(id(name), trust(score, version: 1)),
    ]
    // Some never said anything.
    if !number.isMultiple(of: 7) {
      changes.append(.status(id(name), patch { $0.avgLatencyMilliseconds = latency }))
    }
    return changes
  }
}
