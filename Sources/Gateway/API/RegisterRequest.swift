import Domain
import JSON

/// What a miner tells of itself when it registers; nil fields keep their value, or the default at first.
package struct ProfilePatch: Equatable, Sendable {
  package var addr: String?
  package var proto: MinerProtocol?
  package var region: String?
  package var gpuName: String?
  package var gpuCount: Int?
  package var gpuVRAMGB: Double?
  package var ramGB: Double?
  package var cpuCores: Int?
  package var maxParallel: Int?
  package var price: Price?
  package var accel: [String]?
  package var tags: [String]?
  package var capabilities: [String]?
  package var walletAddress: String?
  package var chainID: String?

  package init() {}

  package var isEmpty: Bool { self == ProfilePatch() }

  package func apply(to profile: inout MinerProfile) {
    if let addr { profile.addr = addr }
    if let proto { profile.proto = proto }
    if let region { profile.region = region }
    if let gpuName { profile.gpuName = gpuName }
    if let gpuCount { profile.gpuCount = gpuCount }
    if let gpuVRAMGB { profile.gpuVRAMGB = gpuVRAMGB }
    if let ramGB { profile.ramGB = ramGB }
    if let cpuCores { profile.cpuCores = cpuCores }
    if let maxParallel { profile.maxParallel = maxParallel }
    if let price { profile.price = price }
    if let accel { profile.accel = accel }
    if let tags { profile.tags = tags }
    if let capabilities { profile.capabilities = capabilities }
    if let walletAddress { profile.walletAddress = walletAddress }
    if let chainID { profile.chainID = chainID }
  }
}

/// `POST /v1/miners/register`
package struct RegisterRequest: Equatable, Sendable {
  package var minerID: MinerID
  package var apiKey: String
  package var profile: ProfilePatch

  package init(_ object: JSONObject) throws(Problem) {
    let read = try Body.read(object) { fields in
      (
        fields.requiredMinerID("miner_id"),
        fields.requiredAPIKey(),
        fields.profile()
      )
    }
    guard let id = read.0, let key = read.1 else {
      throw Problem(.invalidFields, "miner_id and api_key are required")
    }
    minerID = id
    apiKey = key
    profile = read.2
  }
}

extension FieldReader {
  fileprivate mutating func requiredAPIKey() -> String? {
    let key = requiredText("api_key", bytes: Limits.apiKeyBytes)
    switch key.map(IssuedKey.look) {
    case .mistyped: fail("api_key", "value", "api_key is mistyped: its checksum is wrong")
    case .issued(.coordinator): fail("api_key", "value", "api_key is a coordinator's key")
    case .issued(.miner), .foreign, nil: break
    }
    return key
  }

  fileprivate mutating func profile() -> ProfilePatch {
    var patch = ProfilePatch()
    patch.addr = address("addr")
    patch.proto = choice("proto", of: MinerProtocol.self)
    patch.region = text("region", bytes: 0...Limits.nameBytes)?.lowercased()
    patch.gpuName = text("gpu_name", bytes: 0...Limits.nameBytes)
    patch.gpuCount = integer("gpu_count", in: Limits.gpuCount)
    patch.gpuVRAMGB = number("gpu_vram_gb", "gpu_vram", in: Limits.gigabytes)
    patch.ramGB = number("ram_gb", in: Limits.gigabytes)
    patch.cpuCores = integer("cpu_cores", in: Limits.cpuCores)
    patch.maxParallel = integer("max_parallel", in: Limits.maxParallel)
    patch.price = price("price_token_per_ksec", "base_price")
    patch.accel = lowercasedNames("accel")
    patch.tags = tags("tags")
    patch.capabilities = names("capabilities")
    patch.walletAddress = text("wallet_address", bytes: 0...Limits.nameBytes)
    patch.chainID = chainID("chain_id")
    return patch
  }

  private mutating func address(_ name: String) -> String? {
    guard let address = text(name, bytes: 0...Limits.addressBytes) else { return nil }
    guard address.unicodeScalars.allSatisfy({ $0.value > 0x20 && $0.value != 0x7F }) else {
      fail(name, "format", "\(name) must be host:port or a URL, without spaces")
      return nil
    }
    return address
  }

  /// Chains are named by numbers or texts; both are kept as text.
  private mutating func chainID(_ name: String) -> String? {
    if case .number(let digits)? = find([name])?.value {
      return checkedText(.string(digits), name, 0...Limits.nameBytes)
    }
    return text(name, bytes: 0...Limits.nameBytes)
  }
}
