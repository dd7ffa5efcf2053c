/// What the benchmark's miners are made of, and how common each is.
package enum BenchmarkWords {
  struct GPU: Sendable {
    var name: String
    var vramGB: Double
    var accel: [String]
    /// Of all miners, by weight.
    var weight: Double
    /// Tokens for a thousand seconds.
    var medianPrice: Double
    /// Stands in a data centre, whose operators deserve more trust.
    var isProfessional = false
  }

  static let gpus: [GPU] = [
    GPU(name: "RTX 3060", vramGB: 12, accel: ["cuda", "vulkan"], weight: 14, medianPrice: 0.22),
    GPU(name: "RTX 3080", vramGB: 10, accel: ["cuda", "vulkan"], weight: 9, medianPrice: 0.28),
    GPU(name: "RTX 3090", vramGB: 24, accel: ["cuda", "vulkan"], weight: 14, medianPrice: 0.40),
    GPU(name: "RTX 4070", vramGB: 12, accel: ["cuda", "vulkan"], weight: 9, medianPrice: 0.30),
    GPU(name: "RTX 4090", vramGB: 24, accel: ["cuda", "vulkan"], weight: 16, medianPrice: 0.60),
    GPU(name: "RTX 5090", vramGB: 32, accel: ["cuda", "vulkan"], weight: 5, medianPrice: 0.85),
    GPU(
      name: "T4", vramGB: 16, accel: ["cuda"], weight: 6, medianPrice: 0.25, isProfessional: true),
    GPU(
      name: "L4", vramGB: 24, accel: ["cuda"], weight: 5, medianPrice: 0.45, isProfessional: true),
    GPU(
      name: "A100", vramGB: 80, accel: ["cuda"], weight: 4, medianPrice: 1.40, isProfessional: true),
    GPU(
      name: "H100", vramGB: 80, accel: ["cuda"], weight: 3, medianPrice: 2.60, isProfessional: true),
    GPU(
      name: "RX 7900 XTX", vramGB: 24, accel: ["rocm", "vulkan"], weight: 4, medianPrice: 0.35),
    GPU(
      name: "MI300X", vramGB: 192, accel: ["rocm"], weight: 1, medianPrice: 2.40,
      isProfessional: true),
  ]

  struct Region: Sendable {
    var name: String
    var weight: Double
    /// Half of its miners answer faster.
    var medianLatencyMilliseconds: Double
  }

  static let regions: [Region] = [
    Region(name: "eu-central", weight: 30, medianLatencyMilliseconds: 30),
    Region(name: "us-east", weight: 24, medianLatencyMilliseconds: 45),
    Region(name: "us-west", weight: 16, medianLatencyMilliseconds: 65),
    Region(name: "ap-northeast", weight: 11, medianLatencyMilliseconds: 95),
    Region(name: "ap-south", weight: 9, medianLatencyMilliseconds: 115),
    Region(name: "sa-east", weight: 5, medianLatencyMilliseconds: 135),
    Region(name: "me-central", weight: 3, medianLatencyMilliseconds: 105),
    Region(name: "af-south", weight: 2, medianLatencyMilliseconds: 165),
  ]

  package static let commonCapabilityCount = 200
  package static let rareCapabilityCount = 20_000

  /// By number: the common ones first, each kind by how often miners have it.
  static let capabilities: [String] =
    (0..<commonCapabilityCount).map { "vendor-\($0 % 23)/common-model-\($0)" }
    + (0..<rareCapabilityCount).map { "vendor-\($0 % 997)/fine-tuned-model-\($0)" }

  /// The n-th common capability is 1/n as common as the first.
  static let commonChoice = WeightedChoice.zipf(commonCapabilityCount, exponent: 1)
  /// Flatter, so that even the commonest of them is on few miners: some 0.2 %.
  static let rareChoice = WeightedChoice.zipf(rareCapabilityCount, exponent: 0.5)
  static let gpuChoice = WeightedChoice(gpus.map(\.weight))
  static let regionChoice = WeightedChoice(regions.map(\.weight))

  static let tags = (0..<12).map { "tag-\($0)" }
  static let services = ["whisper", "stable_diffusion", "llm_inference", "ffmpeg", "blender"]
  static let operatorCount = 5_000
}
