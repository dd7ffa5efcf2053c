import Domain

/// A miner as it rests in PostgreSQL.
package struct StoredMiner: Equatable, Sendable {
  package var record: MinerRecord
  package var trust: MinerTrust
  package var createdAt: Timestamp
  package var updatedAt: Timestamp
}

/// Which miners a page shows; nil: any.
package struct MinerFilter: Equatable, Sendable {
  package var region: String?
  package var capability: String?
  package var minTrust: Double?
  /// A part of the id, byte by byte.
  package var idPart: String?

  package init(
    region: String? = nil, capability: String? = nil, minTrust: Double? = nil,
    idPart: String? = nil
  ) {
    self.region = region
    self.capability = capability
    self.minTrust = minTrust
    self.idPart = idPart
  }
}

extension StoredMiner {
  /// What `init(_:)` reads, in its order.
  ///
  /// `OFFSET 0` keeps each join a look-up for each miner: a page of a large registry must not make
  /// the planner read all of a joined table.
  static let select = """
    SELECT m.miner_id, m.version, m.addr, m.proto, m.region, m.gpu_name, m.gpu_count,
      m.gpu_vram_gb, m.ram_gb, m.cpu_cores, m.max_parallel, m.price_units, m.accel, m.tags,
      m.capabilities, m.wallet_address, m.chain_id, m.created_at, m.updated_at,
      o.price_units, o.reason, o.expires_at, t.score, t.good, t.bad, t.version,
      coalesce(s.words, '{}')
    FROM poolhub.miners m
    LEFT JOIN LATERAL
      (SELECT * FROM poolhub.price_overrides WHERE miner_id = m.miner_id OFFSET 0) o ON true
    LEFT JOIN LATERAL
      (SELECT * FROM poolhub.trust_totals WHERE miner_id = m.miner_id OFFSET 0) t ON true

    """ + EnabledService.join

  init(_ row: PostgresRow) throws(PostgresError) {
    let text = try row.text(0)
    guard let id = MinerID(text) else {
      throw PostgresError(.unexpectedResult, "\(text) is no miner id")
    }
    record = MinerRecord(
      id: id, version: try row.int(1), profile: try Self.profile(row),
      priceOverride: try Self.priceOverride(row), services: try EnabledService.list(row.texts(26)))
    trust = .none
    if let score = try row.optionalDouble(22) {
      trust = MinerTrust(
        score: score, good: try row.double(23), bad: try row.double(24), version: try row.int(25))
    }
    createdAt = try row.timestamp(17)
    updatedAt = try row.timestamp(18)
  }

  private static func profile(_ row: PostgresRow) throws(PostgresError) -> MinerProfile {
    var profile = MinerProfile()
    profile.addr = try row.text(2)
    let proto = try row.text(3)
    guard let known = MinerProtocol(rawValue: proto) else {
      throw PostgresError(.unexpectedResult, "\(proto) is no protocol")
    }
    profile.proto = known
    profile.region = try row.text(4)
    profile.gpuName = try row.text(5)
    profile.gpuCount = Int(try row.int(6))
    profile.gpuVRAMGB = try row.double(7)
    profile.ramGB = try row.double(8)
    profile.cpuCores = Int(try row.int(9))
    profile.maxParallel = Int(try row.int(10))
    profile.price = Price(units: try row.int(11))
    profile.accel = try row.texts(12)
    profile.tags = try row.texts(13)
    profile.capabilities = try row.texts(14)
    profile.walletAddress = row.optionalText(15)
    profile.chainID = row.optionalText(16)
    return profile
  }

  private static func priceOverride(_ row: PostgresRow) throws(PostgresError) -> PriceOverride? {
    guard let units = try row.optionalInt(19) else { return nil }
    return PriceOverride(
      price: Price(units: units), reason: try row.text(20),
      expiresAt: try row.optionalTimestamp(21))
  }
}

extension MinerProfile {
  /// The columns that hold a profile; `parameters` gives their values in this order.
  static let columns = """
    addr, proto, region, gpu_name, gpu_count, gpu_vram_gb, ram_gb, cpu_cores, max_parallel,
    price_units, accel, tags, capabilities, wallet_address, chain_id
    """

  var parameters: [PostgresValue] {
    [
      .text(addr), .text(proto.rawValue), .text(region), .text(gpuName), .int(Int64(gpuCount)),
      .double(gpuVRAMGB), .double(ramGB), .int(Int64(cpuCores)), .int(Int64(maxParallel)),
      .int(price.units), .texts(accel), .texts(tags), .texts(capabilities), .text(walletAddress),
      .text(chainID),
    ]
  }
}
