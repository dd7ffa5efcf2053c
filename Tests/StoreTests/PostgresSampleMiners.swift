import Domain
import Postgres

/// Miners for the tests of what rests in PostgreSQL.
enum SampleMiners {
  static let now = Timestamp(milliseconds: 1_750_000_000_123)

  static func id(_ text: String) -> MinerID { MinerID(text) ?? .unnamed }

  static func keyHash(_ seed: UInt8) -> [UInt8] { [UInt8](repeating: seed, count: 32) }

  /// Stands in for the wire's coding: what was encoded, to be read back.
  static let encode: PostgresMinerStore.Encode = { Array("\($0.id) \($0.version)".utf8) }

  /// A profile with something in every field.
  static let profile: MinerProfile = {
    var profile = MinerProfile()
    profile.addr = "https://gpu.example:8443/api"
    profile.proto = .grpcs
    profile.region = "eu-west"
    profile.gpuName = "RTX 4090 «Ti»"
    profile.gpuCount = 8
    profile.gpuVRAMGB = 24.5
    profile.ramGB = 0.1
    profile.cpuCores = 96
    profile.maxParallel = 16
    profile.price = Price(units: 80_000_001)
    profile.accel = ["cuda", "rocm"]
    profile.tags = ["tier:gold", "a,b\"{}\\", ""]
    profile.capabilities = ["sentence-transformers/all-MiniLM-L6-v2"]
    profile.walletAddress = "0xabc"
    profile.chainID = "1"
    return profile
  }()

  /// Registers miners that differ in region, one after another.
  ///
  /// - Parameter salt: for keys unlike those of another call.
  static func register(_ ids: [MinerID], in pool: PostgresPool, salt: Int = 0) async throws {
    let store = PostgresMinerStore(pool: pool)
    for (number, id) in ids.enumerated() {
      var keyHash = [UInt8](repeating: 0, count: 32)
      keyHash[0] = UInt8(number & 0xff)
      keyHash[1] = UInt8(number >> 8)
      keyHash[2] = UInt8(salt & 0xff)
      keyHash[3] = UInt8(salt >> 8)
      _ = try await store.register(
        id: id, keyHash: keyHash, now: now,
        update: {
          $0.region = number % 2 == 0 ? "eu" : "us"
          $0.capabilities = number % 3 == 0 ? ["llm", "image"] : ["image"]
        }, encode: encode)
    }
  }
}

extension MinerID {
  fileprivate static let unnamed: MinerID = {
    guard let id = MinerID("unnamed") else { preconditionFailure("a valid id") }
    return id
  }()
}
