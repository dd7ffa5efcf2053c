import Domain
import GatewayServices
import JSON
import Testing

@Suite("A service against its miner's hardware")
struct ServiceValidationTests {
  /// Hardware by a few words: `vram 24`, `gpu NVIDIA RTX 4090`, `accel cuda`, `ram 8`, `cores 4`, `jobs 2`.
  private static func hardware(_ words: String) throws -> Hardware {
    var profile = MinerProfile()
    profile.maxParallel = 10
    for part in words.split(separator: ",").map({ $0.drop { $0 == " " } }) where !part.isEmpty {
      let (key, value) = (part.prefix { $0 != " " }, String(part.drop { $0 != " " }.dropFirst()))
      switch key {
      case "vram": profile.gpuVRAMGB = try #require(Double(value))
      case "gpu": profile.gpuName = value
      case "accel": profile.accel = [value]
      case "ram": profile.ramGB = try #require(Double(value))
      case "cores": profile.cpuCores = try #require(Int(value))
      case "jobs": profile.maxParallel = try #require(Int(value))
      default: Issue.record("\(key) is no hardware")
      }
    }
    return Hardware(profile)
  }

  private static func validate(
    _ name: String, _ body: String, on hardware: String
  ) throws -> ServiceValidation {
    let type = try #require(try ServiceCatalogue().type(name))
    let request = try ServiceRequest(try RequestReading.object(body), of: type)
    return ServiceValidation(request.subject, of: type, on: try Self.hardware(hardware))
  }

  struct Case: CustomTestStringConvertible, Sendable {
    var type: String
    var config: String
    var hardware: String
    /// `level component need`, of what is missing.
    var missing: [String]
    var score: Int

    init(_ type: String, _ config: String, _ hardware: String, _ missing: [String], _ score: Int) {
      (self.type, self.config, self.hardware) = (type, config, hardware)
      (self.missing, self.score) = (missing, score)
    }

    var testDescription: String { "\(type) \(config) on \(hardware)" }
  }

  static let cases: [Case] = [
    Case("stable_diffusion", "", "vram 8", [], 100),
    Case("stable_diffusion", "", "vram 7.9", ["error gpu_vram_gb 8"], 49),
    Case("stable_diffusion", "", "", ["error gpu_vram_gb 8"], 49),
    Case(
      "stable_diffusion", #""max_resolution": "4K""#, "vram 12", ["warning gpu_vram_gb 16"], 90),
    Case("stable_diffusion", #""max_resolution": "4K""#, "vram 16", [], 100),
    Case(
      "stable_diffusion", #""max_resolution": "2160x3840""#, "vram 12",
      ["warning gpu_vram_gb 16"], 90),
    Case("stable_diffusion", #""max_resolution": 4096"#, "vram 12", ["warning gpu_vram_gb 16"], 90),
    Case(
      "stable_diffusion", #""resolutions": ["512x512", "4k"]"#, "vram 12",
      ["warning gpu_vram_gb 16"], 90),
    Case("stable_diffusion", #""max_resolution": "1024x1024""#, "vram 12", [], 100),
    Case("stable_diffusion", #""max_resolution": "1080p""#, "vram 12", [], 100),
    Case(
      "stable_diffusion", #""models": ["flux.1-dev"]"#, "vram 16", ["warning gpu_vram_gb 24"], 90),
    // The error stays with the greater need.
    Case(
      "stable_diffusion", #""max_resolution": "8k", "max_batch_size": 8"#, "vram 4",
      ["error gpu_vram_gb 16"], 40),
    Case("stable_diffusion", "", "vram 8, ram 4", ["warning ram_gb 8"], 90),
    Case("llm_inference", #""models": ["llama-3-70b"]"#, "vram 48", ["warning gpu_vram_gb 64"], 90),
    Case("llm_inference", #""models": ["llama-3-70b"]"#, "vram 64", [], 100),
    Case(
      "llm_inference", #""model": "Llama-2-70B-chat""#, "vram 63", ["warning gpu_vram_gb 64"], 90),
    Case("llm_inference", #""models": ["mistral-7b"]"#, "vram 8", [], 100),
    Case("llm_inference", #""models": ["mistral-7b"]"#, "vram 6", ["warning gpu_vram_gb 8"], 90),
    Case(
      "llm_inference", #""models": ["mixtral-8x7b"]"#, "vram 48", ["warning gpu_vram_gb 64"], 90),
    Case("llm_inference", #""models": ["qwen2-0.5b-instruct"]"#, "vram 2", [], 100),
    Case("llm_inference", #""models": ["smollm-135m"]"#, "vram 2", [], 100),
    Case(
      "llm_inference", #""models": ["giant-1400b"]"#, "vram 80", ["warning gpu_vram_gb 1280"], 90),
    Case(
      "llm_inference", #""models": ["a-70b", "a-13b"], "default_model": "A-70B""#, "vram 8",
      ["warning gpu_vram_gb 64"], 80),
    // Nothing is known of it, so nothing is missing.
    Case("llm_inference", #""models": ["somebody's-own"]"#, "vram 80", [], 90),
    Case("llm_inference", "", "", ["warning gpu 1"], 90),
    Case(
      "llm_inference", #""max_context_tokens": 32768"#, "vram 16", ["warning gpu_vram_gb 24"], 90),
    Case("whisper", #""models": ["large-v3"]"#, "vram 8", ["warning gpu_vram_gb 10"], 90),
    Case("whisper", #""models": ["base"]"#, "vram 8", [], 100),
    Case("whisper", #""models": ["base"]"#, "", ["warning gpu 1", "warning gpu_vram_gb 1"], 80),
    Case(
      "blender", #""engine": "CYCLES""#, "vram 16, gpu AMD Radeon RX 7900",
      ["warning gpu_vendor nvidia"], 90),
    Case("blender", #""engines": ["EEVEE", "cycles"]"#, "", ["warning gpu_vendor nvidia"], 90),
    Case("blender", #""engine": "cycles""#, "gpu NVIDIA GeForce RTX 4090", [], 100),
    Case("blender", #""engine": "cycles""#, "gpu RTX4090", [], 100),
    Case("blender", #""engine": "cycles""#, "gpu A100-SXM4", [], 100),
    Case("blender", #""engine": "cycles""#, "gpu unnamed, accel cuda", [], 100),
    Case(
      "blender", #""engine": "cycles""#, "gpu Intel Arc A770", ["warning gpu_vendor nvidia"], 90),
    Case("blender", #""engine": "eevee""#, "gpu AMD Radeon", [], 100),
    Case("ffmpeg", #""gpu_acceleration": true"#, "", ["warning gpu 1"], 90),
    Case("ffmpeg", #""gpu_acceleration": true"#, "gpu AMD Radeon", [], 100),
    Case("ffmpeg", #""gpu_acceleration": true"#, "accel cpu", ["warning gpu 1"], 90),
    Case("ffmpeg", #""gpu_acceleration": false, "hwaccel": "none""#, "", [], 100),
    Case("ffmpeg", #""hwaccel": "vaapi""#, "", ["warning gpu 1"], 90),
    Case("ffmpeg", #""codecs": ["h264_nvenc"]"#, "gpu Radeon", ["warning gpu_vendor nvidia"], 90),
    Case("ffmpeg", "", "cores 2", ["warning cpu_cores 4"], 90),
    Case(
      "ffmpeg", #""max_resolution": "4k", "gpu_acceleration": true, "codecs": ["hevc_nvenc"]"#,
      "cores 2", ["warning gpu 1", "warning gpu_vendor nvidia", "warning cpu_cores 8"], 60),
  ]

  @Test("Each rule speaks where it should, and nowhere else", arguments: cases)
  func table(_ entry: Case) throws {
    let found = try Self.validate(
      entry.type, "{\"config\": {\(entry.config)}}", on: entry.hardware)
    let missing = found.missing.map { requirement in
      let need = requirement.need.string ?? requirement.need.double.map { "\(Int($0))" } ?? "?"
      return "\(requirement.level) \(requirement.component) \(need)"
    }
    #expect(missing == entry.missing)
    #expect(found.score == entry.score)
    #expect(found.isValid == !missing.contains { $0.hasPrefix("error") })
    #expect((found.impact != .none) == !missing.isEmpty)
  }

  @Test("More jobs than the miner takes at once are a warning")
  func jobs() throws {
    let found = try Self.validate("ffmpeg", #"{"max_concurrent": 5}"#, on: "jobs 4")
    #expect(found.missing.map(\.component) == ["max_parallel"])
    #expect(found.missing.first?.have == .number("4") && found.missing.first?.unit == "jobs")
    #expect(found.findings.first?.field == "max_concurrent")
    #expect(found.impact == .low && found.coverage == 0.8)
    #expect(try Self.validate("ffmpeg", #"{"max_concurrent": 4}"#, on: "jobs 4").score == 100)
  }

  @Test(
    "The scarcest component is the bottleneck, and its shortage the impact",
    arguments: [
      ("vram 24", "gpu_vram_gb", ServiceValidation.Impact.none, 1.5),
      ("vram 12", "gpu_vram_gb", .low, 0.75),
      ("vram 8, ram 64", "gpu_vram_gb", .medium, 0.5), ("vram 4", "gpu_vram_gb", .high, 0.25),
      ("vram 80, ram 9", "ram_gb", .none, 1.125),
    ])
  func impact(
    _ hardware: String, _ bottleneck: String, _ impact: ServiceValidation.Impact, _ coverage: Double
  ) throws {
    let body = #"{"config": {"max_resolution": "4k"}}"#
    let found = try Self.validate("stable_diffusion", body, on: hardware)
    #expect(found.bottleneck == bottleneck && found.impact == impact)
    #expect(found.coverage == coverage)
  }

  @Test("An answer in the contract's shape")
  func answer() throws {
    let found = try Self.validate("stable_diffusion", "{}", on: "vram 6")
    let json = try JSONValue.parse(ServiceAnswer.validation("stable_diffusion", found))
    let message = "Stable Diffusion needs 8 GB of GPU memory; this miner has 6 GB"
    let expected = #"""
      {"service_type": "stable_diffusion", "valid": false, "errors": ["\#(message)"],
      "warnings": [], "score": 49, "missing_requirements": [{"component": "gpu_vram_gb", "have": 6,
      "need": 8, "unit": "GB", "level": "error"}], "performance_impact": {"level": "low",
      "bottleneck": "gpu_vram_gb", "coverage": 0.75}, "findings": [{"level": "error",
      "field": "enabled", "message": "\#(message)"}]}
      """#
    #expect(json == (try JSONValue.parse(Array(expected.utf8))))
  }

  @Test("A body without a service's members is its bare config")
  func bare() throws {
    let type = try #require(try ServiceCatalogue().type("ffmpeg"))
    for body in [#"{"codecs": ["x"]}"#, #"{"config": {"codecs": ["x"]}}"#] {
      let request = try ServiceRequest(
        validating: try RequestReading.object(body), of: type)
      #expect(request.subject.config["codecs"] == .array([.string("x")]))
    }
    let empty = try ServiceRequest(
      validating: try RequestReading.object(#"{"session_token": "t"}"#), of: type)
    #expect(empty.subject.config.members.isEmpty)
  }
}
