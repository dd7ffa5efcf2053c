import Domain
import Testing

/// One comparison of the block index with the plain scan: a world, what happens in it, and a seed.
struct OracleRun: Sendable, CustomTestStringConvertible {
  var name: String
  var seed: UInt64 = 0
  var shape: WorldShape
  var stepCount: Int
  var queriesPerStep: Int
  var changesPerStep = 20
  var weights = Weights.standard
  /// Percent of changes that take a miner out.
  var removalPercent = 3
  /// Percent of requests after which the order is worked on.
  var maintainPercent = 0
  var graceMilliseconds: Int64 = 30_000
  /// Miners flood in and ebb away.
  var isTidal = false
  /// Order is made anew in steps, however few the miners.
  var isOrderedInSteps = false

  var testDescription: String { "\(name), seed \(seed)" }

  static let all = sizes + edges + weightings + steps

  private static func seeded(_ seeds: Range<UInt64>, _ run: OracleRun) -> [OracleRun] {
    seeds.map { seed in
      var run = run
      run.seed = seed
      return run
    }
  }

  /// Requests and changes between the steps of an order in the making.
  private static let steps: [OracleRun] =
    seeded(
      600..<604,
      OracleRun(
        name: "a tide ordered in steps", shape: WorldShape(minerCount: 500), stepCount: 80,
        queriesPerStep: 12, changesPerStep: 30, maintainPercent: 60, isTidal: true,
        isOrderedInSteps: true))
    + seeded(
      610..<611,
      OracleRun(
        name: "a tide of thousands ordered in steps",
        shape: WorldShape(minerCount: 2_000, regions: ["eu", "us"]), stepCount: 40,
        queriesPerStep: 15, changesPerStep: 60, maintainPercent: 90, isTidal: true,
        isOrderedInSteps: true))

  /// Small and large worlds.
  private static let sizes: [OracleRun] =
    seeded(
      0..<2,
      OracleRun(
        name: "nobody", shape: WorldShape(minerCount: 0), stepCount: 20, queriesPerStep: 20,
        changesPerStep: 0))
    + seeded(
      2..<6,
      OracleRun(
        name: "one miner that comes and goes", shape: WorldShape(minerCount: 1), stepCount: 100,
        queriesPerStep: 15, changesPerStep: 2, removalPercent: 20))
    + seeded(
      10..<18,
      OracleRun(
        name: "a few", shape: WorldShape(minerCount: 12), stepCount: 100, queriesPerStep: 40,
        changesPerStep: 3))
    + seeded(
      20..<25,
      OracleRun(
        name: "a few blocks", shape: WorldShape(minerCount: 230), stepCount: 50,
        queriesPerStep: 50))
    + [63, 64, 65, 127, 128, 129, 255, 256, 257].flatMap { count in
      seeded(
        UInt64(count)..<UInt64(count) + 1,
        OracleRun(
          name: "\(count) in one region", shape: WorldShape(minerCount: count, regions: ["eu"]),
          stepCount: 20, queriesPerStep: 40, changesPerStep: 8))
    }
    + [4_095, 4_096, 4_097].flatMap { count in
      seeded(
        UInt64(count)..<UInt64(count) + 1,
        OracleRun(
          name: "\(count) in one region", shape: WorldShape(minerCount: count, regions: ["eu"]),
          stepCount: 2, queriesPerStep: 40, changesPerStep: 10))
    }
    + seeded(
      30..<33,
      OracleRun(
        name: "a region that is large now and then", shape: WorldShape(minerCount: 330),
        stepCount: 60, queriesPerStep: 30, removalPercent: 12))
    + seeded(
      40..<43,
      OracleRun(
        name: "large regions", shape: WorldShape(minerCount: 1_500), stepCount: 10,
        queriesPerStep: 30, changesPerStep: 100))
    + seeded(
      50..<52,
      OracleRun(
        name: "several superblocks", shape: WorldShape(minerCount: 9_000, regions: ["eu"]),
        stepCount: 4, queriesPerStep: 30, changesPerStep: 300))
    + seeded(
      55..<56,
      OracleRun(
        name: "a tide of thousands", shape: WorldShape(minerCount: 2_000), stepCount: 48,
        queriesPerStep: 15, maintainPercent: 20, isTidal: true))
    + seeded(
      56..<57,
      OracleRun(
        name: "a tide in one region", shape: WorldShape(minerCount: 4_500, regions: ["eu"]),
        stepCount: 24, queriesPerStep: 20, maintainPercent: 20, isTidal: true))

  /// Worlds that lean against one rule.
  private static let edges: [OracleRun] =
    seeded(
      60..<62,
      OracleRun(
        name: "all alike", shape: WorldShape(minerCount: 400, isUniform: true), stepCount: 30,
        queriesPerStep: 40))
    + seeded(
      65..<68,
      OracleRun(
        name: "nobody passes", shape: WorldShape(minerCount: 200, impossiblePercent: 100),
        stepCount: 30, queriesPerStep: 40))
    + seeded(
      70..<72,
      OracleRun(
        name: "many regions",
        shape: WorldShape(minerCount: 600, regions: (0..<60).map { "r\($0)" }), stepCount: 25,
        queriesPerStep: 40))
    + seeded(
      80..<82,
      OracleRun(
        name: "many words", shape: WorldShape(minerCount: 500, wordCount: 3_000), stepCount: 30,
        queriesPerStep: 40))
    + seeded(
      85..<87,
      OracleRun(
        name: "tens of thousands of words",
        shape: WorldShape(minerCount: 2_000, wordCount: 60_000, capabilityCount: 40),
        stepCount: 8, queriesPerStep: 40, changesPerStep: 100))
    + seeded(
      90..<94,
      OracleRun(
        name: "few words, from rare to common and back",
        shape: WorldShape(minerCount: 60, wordCount: 12), stepCount: 60, queriesPerStep: 30,
        removalPercent: 30))
    + seeded(
      100..<104,
      OracleRun(
        name: "extreme prices",
        shape: WorldShape(
          minerCount: 200,
          prices: [0, 1, 2, 1_000_000, 100_000_000_000_000_000, 99_999_999_999_999_999],
          priceBound: 100_000_000_000_000_000), stepCount: 40, queriesPerStep: 40))
    + seeded(
      150..<153,
      OracleRun(
        name: "time goes back often", shape: WorldShape(minerCount: 300, backwardsPercent: 40),
        stepCount: 60, queriesPerStep: 20))
    + seeded(
      160..<163,
      OracleRun(
        name: "slots filled to the last",
        shape: WorldShape(
          minerCount: 250, slots: [1, 2, 63, 64, 65, 65_535, 65_536],
          queues: [0, 1, 2, 62, 63, 64, 65, 65_534, 65_535, 65_536, 999_999_999, 1_000_000_000],
          serviceRequestPercent: 40), stepCount: 30, queriesPerStep: 40))
    + seeded(
      170..<174,
      OracleRun(
        name: "leases that end just now",
        shape: WorldShape(
          minerCount: 300, leaseMilliseconds: 500..<12_000, overrideMilliseconds: -1_000..<4_000,
          grainMilliseconds: 500, backwardsPercent: 10), stepCount: 60, queriesPerStep: 20,
        changesPerStep: 60, graceMilliseconds: 2_000))
    + seeded(
      180..<183,
      OracleRun(
        name: "services' prices and overrides",
        shape: WorldShape(
          minerCount: 250, overrideMilliseconds: -1_000..<8_000, overridePercent: 80,
          serviceRequestPercent: 70), stepCount: 50, queriesPerStep: 30))
    + seeded(
      190..<192,
      OracleRun(
        name: "an order that is always worked on", shape: WorldShape(minerCount: 700),
        stepCount: 25, queriesPerStep: 40, changesPerStep: 200, maintainPercent: 80))

  /// Weights with zeros, and far apart.
  private static let weightings: [OracleRun] = [
    ("the price alone counts", Weights(cap: 0, price: 3, latency: 0, trust: 0, load: 0)),
    ("the latency alone counts", Weights(cap: 0, price: 0, latency: 0.1, trust: 0, load: 0)),
    ("the capabilities alone count", Weights(cap: 1, price: 0, latency: 0, trust: 0, load: 0)),
    ("the trust alone counts", Weights(cap: 0, price: 0, latency: 0, trust: 0.5, load: 0)),
    ("load and trust alone count", Weights(cap: 0, price: 0, latency: 0, trust: 1e-9, load: 1e3)),
    ("the load doesn't count", Weights(cap: 0.4, price: 0.2, latency: 0.2, trust: 0.2, load: 0)),
  ].enumerated().flatMap { place, weighting in
    seeded(
      UInt64(110 + 5 * place)..<UInt64(112 + 5 * place),
      OracleRun(
        name: weighting.0, shape: WorldShape(minerCount: 300), stepCount: 20, queriesPerStep: 40,
        weights: weighting.1))
  }
}
