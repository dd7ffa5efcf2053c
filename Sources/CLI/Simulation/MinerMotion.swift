import Domain
import Glibc
import JSON

/// How a mock miner's load and latency wander over time. Pure: time and chance come from outside.
package struct MinerMotion: Sendable {
  private let miner: MockMiner
  private var random: SeededRandom
  /// In [0, 1]: the share of its slots that work from elsewhere takes.
  private var load: Double
  /// The logarithm of what its latency is multiplied by.
  private var latencyDrift = 0.0

  package init(_ miner: MockMiner, random: SeededRandom) {
    self.miner = miner
    self.random = random
    load = miner.usualLoad
  }

  /// Lets `seconds` pass. Both wander around their usual values and forget half in a minute
  /// (an Ornstein-Uhlenbeck process, stepped exactly).
  package mutating func advance(seconds: Double) {
    let kept = exp2(-seconds / 60)
    let noise = (1 - kept * kept).squareRoot()
    load = miner.usualLoad + (load - miner.usualLoad) * kept + 0.25 * noise * random.normal()
    load = min(1, max(0, load))
    latencyDrift = latencyDrift * kept + 0.25 * noise * random.normal()
  }

  /// Jobs in its queue, with the `jobs` that were matched to it.
  package func queueLength(jobs: Int) -> Int {
    Int((load * Double(miner.profile.maxParallel) * 0.9).rounded(.down)) + jobs
  }

  /// Grows as the miner fills up.
  package var latencyMilliseconds: Double {
    let value = miner.usualLatencyMilliseconds * exp(latencyDrift) * (1 + load)
    return (value * 10).rounded() / 10
  }

  /// The text of a heartbeat.
  package func heartbeat(sequence: Int, jobs: Int) -> [UInt8] {
    let slots = Double(miner.profile.maxParallel)
    let busyShare = min(1, Double(queueLength(jobs: jobs)) / slots)
    var json = JSONWriter(capacity: 160)
    json.object { json in
      json.field("seq", sequence)
      json.field("queue_len", queueLength(jobs: jobs))
      json.field("busy", false)
      json.field("avg_latency_ms", latencyMilliseconds)
      json.field("temp_c", (38 + 42 * busyShare).rounded())
      json.field(
        "mem_free_gb", (miner.profile.gpuVRAMGB * (1 - 0.8 * busyShare) * 10).rounded() / 10)
    }
    return json.bytes
  }
}
