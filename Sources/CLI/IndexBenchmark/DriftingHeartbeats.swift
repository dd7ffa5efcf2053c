import Domain
import Simulation

/// Heartbeats of all miners in turn, in an order without pattern. Loads and latencies drift: each goes back
/// towards its miner's usual one and is pushed about.
struct DriftingHeartbeats {
  struct Heartbeat {
    var row: Int
    var id: MinerID
    var patch: StatusPatch
  }

  private struct Drift {
    var usualLoad: Float
    var load: Float
    var usualLatency: Float
    /// What the latency is multiplied by, as a logarithm would add.
    var strain: Float
    var slots: Int32
  }

  private var drifts: [Drift] = []
  private var order: [Int] = []
  private var ids: [MinerID] = []
  private var place = 0
  private var random: SeededRandom
  var leaseMilliseconds: UInt32 = 60_000

  init(seed: UInt64, capacity: Int) {
    random = SeededRandom(seed: seed, index: -2)
    drifts.reserveCapacity(capacity)
    ids.reserveCapacity(capacity)
  }

  mutating func add(_ miner: MinerPopulation.Miner) {
    ids.append(miner.record.id)
    drifts.append(
      Drift(
        usualLoad: Float(miner.usualLoad), load: Float(miner.usualLoad),
        usualLatency: Float(miner.usualLatencyMilliseconds), strain: 0,
        slots: Int32(miner.record.profile.maxParallel)))
  }

  /// The next `count`, said at `now`.
  mutating func next(_ count: Int, at now: Timestamp) -> [Heartbeat] {
    if order.isEmpty { order = Array(drifts.indices).shuffled(using: &random) }
    return (0..<count).map { _ in
      let row = order[place]
      place = place + 1 == order.count ? 0 : place + 1
      return Heartbeat(row: row, id: ids[row], patch: patch(row, at: now))
    }
  }

  private mutating func patch(_ row: Int, at now: Timestamp) -> StatusPatch {
    var drift = drifts[row]
    drift.load += 0.2 * (drift.usualLoad - drift.load) + 0.15 * noise()
    drift.strain += -0.2 * drift.strain + 0.1 * noise()
    drifts[row] = drift
    var patch = StatusPatch(at: now, leaseMilliseconds: leaseMilliseconds)
    patch.queueLength = MinerPopulation.queue(Double(drift.load), of: Int(drift.slots))
    // Strain stays within a few tenths; this is the exponential's beginning, and never below 0.
    let strain = Double(max(-0.9, drift.strain))
    patch.avgLatencyMilliseconds = Double(drift.usualLatency) * (1 + strain)
    return patch
  }

  /// Evenly in ±√3: standard deviation 1, for a fraction of a normal draw's cost.
  private mutating func noise() -> Float {
    (Float(random.next() >> 40) * 0x1p-24 - 0.5) * 3.464_101_6
  }
}
