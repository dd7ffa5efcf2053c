/// Mock miners and a mock coordinator against a running hub.
package struct SimulatedPool: Sendable {
  package struct Options: Sendable {
    /// Gateways; the miners spread over them.
    package var urls: [String]
    package var miners: Int
    package var seed: UInt64
    /// Matches a second; 0 for none.
    package var matchRate: Double
    /// The share of matches whose outcome is reported, in [0, 1].
    package var feedbackShare: Double
    package var coordinatorSecret: String?
    package var temper = SimulatedMiner.Temper()
    package var observe: SimulatedMiner.Observer = { _, _, _ in }

    package init(
      urls: [String], miners: Int, seed: UInt64, matchRate: Double, feedbackShare: Double,
      coordinatorSecret: String?
    ) {
      self.urls = urls
      self.miners = miners
      self.seed = seed
      self.matchRate = matchRate
      self.feedbackShare = feedbackShare
      self.coordinatorSecret = coordinatorSecret
    }
  }

  /// Registrations and handshakes under way at the same time.
  private static let entryLimit = 64

  package let counters = SimulationCounters()
  private let options: Options
  private let miners: [SimulatedMiner]

  package init(_ options: Options) {
    self.options = options
    let gate = Gate(limit: Self.entryLimit)
    let catalog = MinerCatalog(seed: options.seed, count: options.miners)
    let counters = counters
    let hubs = options.urls.map { HubClient(url: $0) }
    miners = (0..<options.miners).map { index in
      SimulatedMiner(
        catalog[index], hubs: hubs, gateway: index, counters: counters, gate: gate,
        temper: options.temper, random: SeededRandom(seed: options.seed &+ 1, index: index),
        observe: options.observe)
    }
  }

  /// Runs until the task is cancelled; every miner has said goodbye by then.
  package func run() async {
    let runName = "sim-" + String(UInt64.random(in: .min ... .max), radix: 36)
    let coordinator = SimulatedCoordinator(
      hubs: options.urls.map {
        HubClient(url: $0, coordinatorSecret: options.coordinatorSecret, timeout: .seconds(10))
      },
      rate: options.matchRate, feedbackShare: options.feedbackShare, seed: options.seed,
      runName: runName, counters: counters,
      miners: Dictionary(uniqueKeysWithValues: miners.map { ($0.miner.id, $0) }))
    await withDiscardingTaskGroup { group in
      group.addTask { await coordinator.run() }
      for miner in miners { group.addTask { await miner.run() } }
    }
  }
}
