/// The sizes and ranges that the contract sets, each in one place.
package enum Limits {
  package static let minerIDBytes = 64
  package static let jobIDBytes = 64
  package static let apiKeyBytes = 16...256
  package static let addressBytes = 256
  /// Names of GPUs, regions, tags, capabilities, wallets, chains, services and fail codes.
  package static let nameBytes = 128
  /// Entries of one list: tags, capabilities, accelerators, exclusions, job ids.
  package static let listCount = 256
  package static let topK = 1...50
  package static let deadlineMilliseconds = 1...60_000
  package static let gigabytes = 0.0...1_000_000.0
  package static let gpuCount = 0...1_024
  package static let cpuCores = 0...65_536
  package static let maxParallel = 1...65_536
  package static let queueLength = 0...1_000_000_000
  /// A day: nothing slower is worth ranking.
  package static let latencyMilliseconds = 0.0...86_400_000.0
  package static let celsius = -100.0...1_000.0
  /// A price, in units of 10⁻⁸: 0 to 10⁹ tokens.
  package static let priceUnits: ClosedRange<Int64> = 0...100_000_000_000_000_000
  package static let gpuPercent = 0.0...100.0
  /// Jobs of one service at once.
  package static let maxConcurrent = 1...10
  package static let pageCount = 1...1_000
  package static let idempotencyKeyBytes = 1...255
  package static let bodyBytes = 64 * 1024
  /// Matches that are asked together.
  package static let batchCount = 1...256
  package static let batchBodyBytes = 1024 * 1024
  package static let webSocketFrameBytes = 16 * 1024
}
