/// The words that mock miners describe themselves with, and how common each is.
package enum MinerVocabulary {
  package struct GPU: Sendable {
    package let name: String
    package let vramGB: Double
    package let accel: [String]
    /// How many one machine has.
    package let counts: [Int]
    package let weight: Double
    /// Tokens for a thousand seconds that half of its owners ask at most.
    package let medianPrice: Double
  }

  package static let gpus: [GPU] = [
    gpu("NVIDIA GeForce RTX 3060", 12, counts: [1, 1, 2], weight: 14, price: 0.22),
    gpu("NVIDIA GeForce RTX 3080", 10, counts: [1, 1, 2], weight: 9, price: 0.28),
    gpu("NVIDIA GeForce RTX 3090", 24, counts: [1, 1, 2, 4], weight: 14, price: 0.40),
    gpu("NVIDIA GeForce RTX 4070", 12, counts: [1], weight: 9, price: 0.30),
    gpu("NVIDIA GeForce RTX 4090", 24, counts: [1, 1, 2, 4], weight: 16, price: 0.60),
    gpu("NVIDIA GeForce RTX 5090", 32, counts: [1, 2], weight: 5, price: 0.85),
    gpu("NVIDIA T4", 16, counts: [1, 1, 4], weight: 6, price: 0.25),
    gpu("NVIDIA L4", 24, counts: [1, 2, 4], weight: 5, price: 0.45),
    gpu("NVIDIA A10G", 24, counts: [1, 4], weight: 4, price: 0.50),
    gpu("NVIDIA A100", 80, counts: [1, 4, 8], weight: 4, price: 1.40),
    gpu("NVIDIA H100", 80, counts: [1, 8], weight: 3, price: 2.60),
    gpu("AMD Radeon RX 7900 XTX", 24, counts: [1, 2], weight: 4, price: 0.35, ["rocm", "vulkan"]),
    gpu("AMD Instinct MI210", 64, counts: [1, 4], weight: 1, price: 0.90, ["rocm"]),
    gpu("AMD Instinct MI300X", 192, counts: [8], weight: 1, price: 2.40, ["rocm"]),
    GPU(name: "", vramGB: 0, accel: [], counts: [0], weight: 5, medianPrice: 0.08),
  ]

  package struct Region: Sendable {
    package let name: String
    package let zones: [String]
    package let weight: Double
    /// What its distance adds to every answer.
    package let baseLatencyMilliseconds: Double
  }

  package static let regions: [Region] = [
    region("eu", ["eu-west", "eu-central", "eu-north"], 30, 25),
    region("us-east", ["us-east-1", "us-east-2"], 24, 40),
    region("us-west", ["us-west-1", "us-west-2"], 16, 60),
    region("ap-northeast", ["ap-tokyo", "ap-seoul"], 11, 90),
    region("ap-south", ["ap-mumbai", "ap-singapore"], 9, 110),
    region("sa", ["sa-east"], 5, 130),
    region("me", ["me-central"], 3, 100),
    region("af", ["af-south"], 2, 160),
  ]

  /// The commonest first: the n-th is 1/n as common as the first.
  package static let capabilities: [String] = [
    "sentence-transformers/all-MiniLM-L6-v2", "meta-llama/Llama-3.1-8B-Instruct",
    "stabilityai/stable-diffusion-xl-base-1.0", "openai/whisper-large-v3",
    "mistralai/Mistral-7B-Instruct-v0.3", "Qwen/Qwen2.5-7B-Instruct", "ffmpeg-h264",
    "openai/clip-vit-large-patch14", "BAAI/bge-large-en-v1.5", "black-forest-labs/FLUX.1-dev",
    "meta-llama/Llama-3.1-70B-Instruct", "blender-cycles", "openai/whisper-small",
    "microsoft/Phi-3.5-mini-instruct", "google/gemma-2-9b-it", "intfloat/e5-large-v2",
    "stabilityai/stable-diffusion-3.5-large", "Qwen/Qwen2.5-Coder-32B-Instruct", "ffmpeg-hevc",
    "deepseek-ai/DeepSeek-R1-Distill-Qwen-14B", "google/vit-base-patch16-224",
    "facebook/sam-vit-huge", "mistralai/Mixtral-8x7B-Instruct-v0.1", "suno/bark",
    "Salesforce/blip2-opt-2.7b", "coqui/XTTS-v2", "ffmpeg-av1", "google/gemma-2-27b-it",
    "nomic-ai/nomic-embed-text-v1.5", "Qwen/Qwen2-VL-7B-Instruct", "facebook/musicgen-large",
    "depth-anything/Depth-Anything-V2-Large", "blender-eevee", "facebook/nllb-200-3.3B",
    "THUDM/CogVideoX-5b", "bigcode/starcoder2-15b", "facebook/esm2_t33_650M_UR50D",
    "microsoft/trocr-large-printed", "xinntao/RealESRGAN-x4plus", "tencent/HunyuanVideo",
  ]

  package static let capabilityWeights = (1...capabilities.count).map { 1 / Double($0) }

  package static let tags: [String] = [
    "home", "datacenter", "nvme", "spot", "green-energy", "10gbit", "ecc", "static-ip", "docker",
    "long-running", "tier-1", "tier-2",
  ]

  private static func gpu(
    _ name: String, _ vramGB: Double, counts: [Int], weight: Double, price: Double,
    _ accel: [String] = ["cuda", "vulkan"]
  ) -> GPU {
    GPU(
      name: name, vramGB: vramGB, accel: accel, counts: counts, weight: weight, medianPrice: price)
  }

  private static func region(
    _ name: String, _ zones: [String], _ weight: Double, _ latency: Double
  ) -> Region {
    Region(name: name, zones: zones, weight: weight, baseLatencyMilliseconds: latency)
  }
}
