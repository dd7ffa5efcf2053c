import JSON

/// Match requests such as coordinators send, seeded: mostly one capability, a region, a price cap.
package struct RequestMix: Sendable {
  private var random: SeededRandom

  package init(seed: UInt64) { random = SeededRandom(seed: seed, index: -1) }

  /// The body of the next request.
  package mutating func next(jobID: String, deadlineMilliseconds: Int = 5_000) -> [UInt8] {
    let capabilities = self.capabilities()
    let accel = random.chance(0.4) ? ["cuda"] : []
    let vram = [0.0, 8, 12, 16, 24, 48][random.index(weights: [30, 25, 15, 15, 12, 3])]
    let region = random.chance(0.7) ? self.region() : nil
    let maxPrice = random.chance(0.6) ? self.maxPrice() : nil
    let topK = [1, 3, 5, 10][random.index(weights: [40, 40, 15, 5])]
    let minTrust = random.chance(0.1) ? 0.3 : nil
    var json = JSONWriter()
    json.object { json in
      json.field("job_id", jobID)
      json.objectField("requirements") { json in
        json.field("task", Self.task(of: capabilities.first))
        json.field("min_vram_gb", vram)
        if random.chance(0.3) { json.field("min_ram_gb", 16) }
        json.field("accel", accel)
        json.field("capabilities_any", capabilities)
        if random.chance(0.05) { json.field("tags_any", ["datacenter", "tier-1"]) }
        if let minTrust { json.field("min_trust", minTrust) }
      }
      json.objectField("hints") { json in
        if let region { json.field("region", region) }
        if let maxPrice { json.field("max_price", number: maxPrice) }
        json.field("deadline_ms", deadlineMilliseconds)
      }
      json.field("top_k", topK)
      json.field("explain", "brief")
    }
    return json.bytes
  }

  private mutating func capabilities() -> [String] {
    let count = random.index(weights: [10, 75, 15])
    var weights = MinerVocabulary.capabilityWeights
    return (0..<count).map { _ in
      let index = random.index(weights: weights)
      weights[index] = 0
      return MinerVocabulary.capabilities[index]
    }
  }

  private mutating func region() -> String {
    let regions = MinerVocabulary.regions
    return regions[random.index(weights: regions.map(\.weight))].name
  }

  private mutating func maxPrice() -> String {
    ["0.35", "0.5", "0.8", "1.2", "3"][random.index(weights: [1, 2, 4, 3, 1])]
  }

  private static func task(of capability: String?) -> String {
    guard let capability else { return "render" }
    if capability.contains("MiniLM") || capability.contains("bge") { return "text_embedding" }
    if capability.contains("whisper") { return "transcription" }
    if capability.contains("diffusion") { return "image_generation" }
    return "llm_inference"
  }
}
