import Domain
import Glibc
import Simulation

/// The registry that the benchmark measures on. Every miner is drawn from the seed and its row alone.
///
/// Twelve GPU types and eight regions of unequal size. Two to six draws from 200 common capabilities
/// (Zipf's law, exponent 1), and for half of the miners one of 20,000 rare ones (exponent 0.5).
/// Prices are log-normal around their GPU's median, latencies around their region's. Trust depends on the operator
/// and on whether the GPU is a data centre's. Every tenth miner offers a service, every second has a tag.
/// 3 % say that they are busy. 2 % are offline at the start, and 5 % become so within the horizon.
package struct MinerPopulation: Sendable {
  /// What rows and deadlines are counted from.
  package let start: Timestamp
  private let seed: UInt64
  private let horizonMilliseconds: Int

  /// - Parameter horizonMilliseconds: within which the leases end that end soon.
  package init(
    seed: UInt64, horizonMilliseconds: Int = 10_000,
    start: Timestamp = Timestamp(milliseconds: 1_000_000_000)
  ) {
    self.seed = seed
    self.start = start
    self.horizonMilliseconds = max(1, horizonMilliseconds)
  }

  package struct Miner: Sendable {
    package var record: MinerRecord
    package var status: StatusPatch
    package var trust: MinerTrust
    /// By number in `BenchmarkWords.regions`.
    var region: Int
    /// By number in `BenchmarkWords.capabilities`; distinct.
    package var capabilities: [Int]
    /// What its queue goes back to, as a share of its slots.
    var usualLoad: Double
    var usualLatencyMilliseconds: Double
  }

  /// Ordered as the rows are.
  ///
  /// - Precondition: `row` is below ten million.
  package static func id(_ row: Int) -> MinerID {
    let digits = String(10_000_000 + row).dropFirst()
    guard let id = MinerID("miner-" + digits) else { preconditionFailure("digits and a dash") }
    return id
  }

  package func miner(_ row: Int) -> Miner {
    var random = SeededRandom(seed: seed, index: row)
    let gpu = BenchmarkWords.gpus[BenchmarkWords.gpuChoice.pick(&random)]
    let region = BenchmarkWords.regionChoice.pick(&random)
    let capabilities = Self.capabilities(&random)
    var profile = MinerProfile()
    profile.addr = "10.\(row >> 16 & 255).\(row >> 8 & 255).\(row & 255):9000"
    profile.region = BenchmarkWords.regions[region].name
    profile.gpuName = gpu.name
    profile.gpuCount = 1
    profile.gpuVRAMGB = gpu.vramGB
    profile.ramGB = [16, 32, 64, 128][Self.below(4, &random)]
    profile.maxParallel = 1 + Self.below(8, &random)
    profile.price = Self.price(median: gpu.medianPrice, &random)
    profile.accel = gpu.accel
    profile.tags =
      random.chance(0.5) ? [BenchmarkWords.tags[Self.below(12, &random)]] : []
    profile.capabilities = capabilities.map { BenchmarkWords.capabilities[$0] }
    var record = MinerRecord(id: Self.id(row), version: 1, profile: profile)
    if random.chance(0.1) {
      let type = BenchmarkWords.services[Self.below(BenchmarkWords.services.count, &random)]
      record.services = [
        EnabledService(type: type, price: nil, maxConcurrent: 2, capabilities: [])
      ]
    }
    let trust = MinerTrust(score: trust(gpu, &random), good: 1, bad: 1, version: 1)
    let usualLoad = 0.1 + 0.7 * random.unit()
    let usualLatency = random.logNormal(
      median: BenchmarkWords.regions[region].medianLatencyMilliseconds, spread: 0.5)
    var status = lease(&random)
    status.queueLength = Self.queue(usualLoad + 0.25 * random.normal(), of: profile.maxParallel)
    status.avgLatencyMilliseconds = usualLatency
    if random.chance(0.03) { status.busy = true }
    return Miner(
      record: record, status: status, trust: trust, region: region, capabilities: capabilities,
      usualLoad: usualLoad, usualLatencyMilliseconds: usualLatency)
  }

  /// Jobs queued at this load, a share of the slots.
  static func queue(_ load: Double, of slots: Int) -> UInt32 {
    UInt32(max(0, min(load, 4) * Double(slots)))
  }

  private static func below(_ bound: Int, _ random: inout SeededRandom) -> Int {
    Int.random(in: 0..<bound, using: &random)
  }

  private static func capabilities(_ random: inout SeededRandom) -> [Int] {
    var numbers: [Int] = []
    for _ in 0..<2 + below(5, &random) {
      let number = BenchmarkWords.commonChoice.pick(&random)
      if !numbers.contains(number) { numbers.append(number) }
    }
    if random.chance(0.5) {
      numbers.append(
        BenchmarkWords.commonCapabilityCount + BenchmarkWords.rareChoice.pick(&random))
    }
    return numbers
  }

  private static func price(median: Double, _ random: inout SeededRandom) -> Price {
    // At most 20 tokens, which hardly a draw comes near.
    Price(units: Int64(min(20, random.logNormal(median: median, spread: 0.35)) * 1e8))
  }

  private func trust(_ gpu: BenchmarkWords.GPU, _ random: inout SeededRandom) -> Double {
    let number = Self.below(BenchmarkWords.operatorCount, &random)
    var operatorRandom = SeededRandom(seed: seed, index: -1_000 - number)
    let mean = (gpu.isProfessional ? 0.75 : 0.62) + 0.12 * operatorRandom.normal()
    return min(1, max(0, mean + 0.06 * random.normal()))
  }

  private func lease(_ random: inout SeededRandom) -> StatusPatch {
    let draw = random.unit()
    let age = 1 + Self.below(15_000, &random)
    let left =
      switch draw {
      case ..<0.02: -Self.below(age, &random)
      case ..<0.07: Self.below(horizonMilliseconds, &random)
      default: 3_600_000
      }
    return StatusPatch(
      at: start.advanced(byMilliseconds: Int64(-age)), leaseMilliseconds: UInt32(left + age))
  }
}
