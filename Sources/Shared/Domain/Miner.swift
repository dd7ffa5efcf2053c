/// How a coordinator reaches a miner.
package enum MinerProtocol: String, CaseIterable, Sendable {
  case http, https, grpc, grpcs, ws, wss

  /// The wire's number for it. Never renumber.
  package var code: UInt8 { UInt8(Self.allCases.firstIndex(of: self)!) }
  package init?(code: UInt8) {
    guard Int(code) < Self.allCases.count else { return nil }
    self = Self.allCases[Int(code)]
  }
}

/// What a miner says of itself, durably. Heartbeats change none of it.
package struct MinerProfile: Equatable, Sendable {
  package var addr = ""
  package var proto = MinerProtocol.http
  package var region = ""
  package var gpuName = ""
  package var gpuCount = 0
  /// 10⁹ bytes, as GPUs are sold.
  package var gpuVRAMGB = 0.0
  package var ramGB = 0.0
  package var cpuCores = 0
  package var maxParallel = 1
  /// Tokens for a thousand seconds.
  package var price = Price.zero
  /// Lower-cased, distinct.
  package var accel: [String] = []
  package var tags: [String] = []
  package var capabilities: [String] = []
  package var walletAddress: String?
  package var chainID: String?

  package init() {}
}

/// An operator's word on a miner's price, in force until it expires or is taken back.
package struct PriceOverride: Equatable, Sendable {
  package var price: Price
  package var reason: String
  package var expiresAt: Timestamp?

  package init(price: Price, reason: String, expiresAt: Timestamp?) {
    self.price = price
    self.reason = reason
    self.expiresAt = expiresAt
  }

  package func isInForce(at now: Timestamp) -> Bool { expiresAt.map { now < $0 } ?? true }
}

/// A service that a miner switched on, as far as a match needs to know it.
package struct EnabledService: Equatable, Sendable {
  package var type: String
  /// The service's own price, where its pricing says one.
  package var price: Price?
  package var maxConcurrent: Int
  /// Count among the miner's capabilities.
  package var capabilities: [String]

  package init(type: String, price: Price?, maxConcurrent: Int, capabilities: [String]) {
    self.type = type
    self.price = price
    self.maxConcurrent = maxConcurrent
    self.capabilities = capabilities
  }
}

/// Everything durable that a match reads of one miner, but its trust. `version` grows with each
/// change; of two records of a miner the one with the higher version is right.
package struct MinerRecord: Equatable, Sendable {
  package var id: MinerID
  package var version: Int64
  package var profile: MinerProfile
  package var priceOverride: PriceOverride?
  package var services: [EnabledService] = []

  package init(
    id: MinerID, version: Int64, profile: MinerProfile, priceOverride: PriceOverride? = nil,
    services: [EnabledService] = []
  ) {
    self.id = id
    self.version = version
    self.profile = profile
    self.priceOverride = priceOverride
    self.services = services
  }
}

/// A miner's trust as the evidence stands, with the version of that evidence.
package struct MinerTrust: Equatable, Sendable {
  /// In [0, 1]; 0.5 with no evidence.
  package var score: Double
  package var good: Double
  package var bad: Double
  package var version: Int64

  package static let none = MinerTrust(score: 0.5, good: 0, bad: 0, version: 0)

  package init(score: Double, good: Double, bad: Double, version: Int64) {
    self.score = score
    self.good = good
    self.bad = bad
    self.version = version
  }
}
