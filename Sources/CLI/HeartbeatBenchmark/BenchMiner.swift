import Domain
import JSON

/// One miner of a heartbeat benchmark: what it registers with, and what it says in which heartbeat.
/// No two miners and no two heartbeats of one say the same.
package struct BenchMiner: Sendable {
  /// Miners of one region: one match with the largest `top_k` shows them all.
  package static let minersPerRegion = 50
  private static let slots = 8

  package let index: Int

  package init(index: Int) { self.index = index }

  package var id: MinerID { MinerID("beat-\(index)")! }
  package var region: String { Self.region(index / Self.minersPerRegion) }

  package static func region(_ number: Int) -> String { "beats-\(number)" }

  /// Of so many miners.
  package static func regions(of count: Int) -> Int {
    (count + minersPerRegion - 1) / minersPerRegion
  }

  package var profile: MinerProfile {
    var profile = MinerProfile()
    profile.addr = "10.\(index >> 16 & 255).\(index >> 8 & 255).\(index & 255):9000"
    profile.region = region
    profile.gpuName = "RTX 4090"
    profile.gpuCount = 1
    profile.gpuVRAMGB = 24
    profile.accel = ["cuda"]
    profile.maxParallel = Self.slots
    profile.price = Price(units: 10_000_000 + Int64(index % 1_000) * 10_000)
    return profile
  }

  /// Below the slots, so that the miner stays open to matches.
  package func queueLength(sequence: Int) -> Int { (index + sequence) % (Self.slots - 1) }

  /// In tenths of a millisecond.
  private func latencyTenths(sequence: Int) -> Int {
    1 + (index &* 7_919 &+ sequence &* 104_729) % 8_999_993
  }

  package func latencyMilliseconds(sequence: Int) -> Double {
    Double(latencyTenths(sequence: sequence)) / 10
  }

  /// What a match says of the miner whose last heartbeat was this one.
  package func etaMilliseconds(sequence: Int) -> Double {
    latencyMilliseconds(sequence: sequence) * Double(queueLength(sequence: sequence) + 1)
  }

  /// A heartbeat's text.
  func appendHeartbeat(sequence: Int, to bytes: inout [UInt8]) {
    let tenths = latencyTenths(sequence: sequence)
    bytes.append(contentsOf: #"{"seq":"#.utf8)
    Self.append(sequence, to: &bytes)
    bytes.append(contentsOf: #","queue_len":"#.utf8)
    Self.append(queueLength(sequence: sequence), to: &bytes)
    bytes.append(contentsOf: #","busy":false,"avg_latency_ms":"#.utf8)
    Self.append(tenths / 10, to: &bytes)
    bytes.append(UInt8(ascii: "."))
    Self.append(tenths % 10, to: &bytes)
    bytes.append(contentsOf: #","temp_c":61.5,"mem_free_gb":18.2}"#.utf8)
  }

  private static func append(_ number: Int, to bytes: inout [UInt8]) {
    if number >= 10 { append(number / 10, to: &bytes) }
    bytes.append(UInt8(ascii: "0") + UInt8(number % 10))
  }
}
