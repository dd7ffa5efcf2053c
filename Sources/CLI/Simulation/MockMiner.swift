import Domain
import Glibc
import JSON

/// One made-up miner: what it tells the hub, and what the hub must find out.
package struct MockMiner: Equatable, Sendable {
  package let id: String
  package let apiKey: String
  package let profile: MinerProfile
  /// Its share of jobs that it completes; nobody is told.
  package let reliability: Double
  /// How busy it is on average with work from elsewhere, in [0, 1].
  package let usualLoad: Double
  /// What half of its answers take at most when it is idle.
  package let usualLatencyMilliseconds: Double

  /// Miner `index` of the population that `seed` stands for. Always the same, however many are asked for.
  package init(seed: UInt64, index: Int) {
    var random = SeededRandom(seed: seed, index: index)
    let digits = String(index)
    let padded = String(repeating: "0", count: max(0, 6 - digits.count)) + digits
    id = "mock-\(seed)-\(padded)"
    apiKey = "mock-key-\(Self.hexadecimal(random.next()))\(Self.hexadecimal(random.next()))"
    let region = MinerVocabulary.regions[
      random.index(weights: MinerVocabulary.regions.map(\.weight))]
    profile = Self.profile(index: index, region: region, using: &random)
    reliability = Self.reliability(using: &random)
    usualLoad = min(0.95, random.logNormal(median: 0.35, spread: 0.6))
    usualLatencyMilliseconds =
      region.baseLatencyMilliseconds + random.logNormal(median: 45, spread: 0.6)
  }

  /// The body of its registration.
  package var registration: [UInt8] {
    var json = JSONWriter()
    json.object { json in
      json.field("miner_id", id)
      json.field("api_key", apiKey)
      json.field("addr", profile.addr)
      json.field("proto", profile.proto.rawValue)
      json.field("gpu_name", profile.gpuName)
      json.field("gpu_count", profile.gpuCount)
      json.field("gpu_vram_gb", profile.gpuVRAMGB)
      json.field("ram_gb", profile.ramGB)
      json.field("cpu_cores", profile.cpuCores)
      json.field("price_token_per_ksec", number: profile.price.description)
      json.field("max_parallel", profile.maxParallel)
      json.field("accel", profile.accel)
      json.field("tags", profile.tags)
      json.field("capabilities", profile.capabilities)
      json.field("region", profile.region)
    }
    return json.bytes
  }

  private static func profile(
    index: Int, region: MinerVocabulary.Region, using random: inout SeededRandom
  ) -> MinerProfile {
    let gpu = MinerVocabulary.gpus[random.index(weights: MinerVocabulary.gpus.map(\.weight))]
    var profile = MinerProfile()
    profile.region = region.name
    profile.addr = "10.\(index >> 16 & 255).\(index >> 8 & 255).\(index & 255):9000"
    profile.proto = random.chance(0.2) ? .grpc : .http
    profile.gpuName = gpu.name
    profile.gpuCount = gpu.counts[Int(random.next() % UInt64(gpu.counts.count))]
    profile.gpuVRAMGB = gpu.vramGB
    profile.accel = gpu.accel
    profile.ramGB = [16.0, 32, 64, 128, 256, 512][random.index(weights: [1, 4, 5, 3, 2, 1])]
    profile.cpuCores = [4, 8, 16, 32, 64][random.index(weights: [1, 4, 5, 3, 1])]
    profile.maxParallel =
      max(1, profile.gpuCount) * [1, 2, 4, 8][random.index(weights: [3, 4, 2, 1])]
    // Four places are plenty for a price that somebody typed.
    let tokens = min(100, max(0.01, random.logNormal(median: gpu.medianPrice, spread: 0.45)))
    profile.price = Price(units: Int64((tokens * 10_000).rounded()) * 10_000)
    profile.capabilities = capabilities(using: &random)
    profile.tags = tags(of: region, using: &random)
    return profile
  }

  /// One to eight different ones, by Zipf's law.
  private static func capabilities(using random: inout SeededRandom) -> [String] {
    let count = 1 + random.index(weights: [4, 5, 5, 4, 3, 2, 1, 1])
    var weights = MinerVocabulary.capabilityWeights
    return (0..<count).map { _ in
      let index = random.index(weights: weights)
      weights[index] = 0
      return MinerVocabulary.capabilities[index]
    }
  }

  private static func tags(
    of region: MinerVocabulary.Region, using random: inout SeededRandom
  ) -> [String] {
    let zone = region.zones[Int(random.next() % UInt64(region.zones.count))]
    return [zone] + MinerVocabulary.tags.filter { _ in random.chance(0.2) }
  }

  /// Most keep nearly every promise, some many, a few hardly any.
  private static func reliability(using random: inout SeededRandom) -> Double {
    switch random.unit() {
    case ..<0.82: 0.95 + 0.05 * random.unit()
    case ..<0.95: 0.65 + 0.30 * random.unit()
    default: 0.10 + 0.40 * random.unit()
    }
  }

  private static func hexadecimal(_ value: UInt64) -> String {
    let digits = String(value, radix: 16)
    return String(repeating: "0", count: 16 - digits.count) + digits
  }
}

/// A population of made-up miners. The first hundred of a thousand are the hundred of a hundred.
package struct MinerCatalog: Sendable {
  package let seed: UInt64
  package let count: Int

  package init(seed: UInt64, count: Int) {
    self.seed = seed
    self.count = count
  }

  package subscript(index: Int) -> MockMiner { MockMiner(seed: seed, index: index) }
}
