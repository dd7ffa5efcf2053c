import Domain

/// Why a service was not changed. Nothing was stored.
package enum ServiceChangeError: Error, Equatable {
  case unknownMiner
  /// There is no configuration to change or take away.
  case neverSet
  /// It is no longer, or not yet, what the caller took it for.
  case stale
}

/// Miners' services, in PostgreSQL.
///
/// Each change holds the lock on its miner's row, raises the miner's version by one and writes an outbox
/// row with the whole record, all in one transaction: so any number of callers change one service after
/// another, none of them half.
package struct PostgresServiceStore: Sendable {
  package typealias Edit = @Sendable (inout ServiceConfiguration) throws -> Void
  /// Whether a change may go on, given the version that is there; nil: none is.
  package typealias Condition = @Sendable (Int64?) -> Bool

  private let pool: PostgresPool

  package init(pool: PostgresPool) { self.pool = pool }

  /// All that the miner has set, by type in byte order.
  package func list(_ id: MinerID) async throws -> [StoredService] {
    try await pool.run { connection in
      let result = try connection.execute(
        """
        SELECT \(StoredService.columns) FROM poolhub.service_configs
        WHERE miner_id = $1 ORDER BY service_type
        """, [.text(id.text)])
      return try result.rows.map { row in try StoredService(row) }
    }
  }

  /// - Returns: nil when it was never set.
  package func find(_ id: MinerID, type: String) async throws -> StoredService? {
    try await pool.run { try Self.find(id, type, on: &$0) }
  }

  /// Makes or changes a service.
  ///
  /// - Parameters:
  ///   - mustExist: whether a service that was never set is an error, or edited from its defaults.
  ///   - edit: may throw, and then nothing is changed.
  /// - Throws: `ServiceChangeError`; what `edit` throws; `PostgresError`.
  package func write(
    _ id: MinerID, type: String, mustExist: Bool, now: Timestamp,
    condition: @escaping Condition = { _ in true }, edit: @escaping Edit,
    encode: @escaping PostgresMinerStore.Encode
  ) async throws -> StoredServiceChange {
    try await change(id, type, condition, now, encode) { connection, held, version in
      if held == nil && mustExist { throw ServiceChangeError.neverSet }
      var service =
        held
        ?? StoredService(
          type: type, version: version, configuration: ServiceConfiguration(), createdAt: now,
          updatedAt: now)
      try edit(&service.configuration)
      service.version = version
      service.updatedAt = now
      try Self.put(service, of: id, on: &connection)
      return service
    }
  }

  /// Takes a service's configuration away.
  ///
  /// - Throws: `ServiceChangeError`; `PostgresError`.
  package func delete(
    _ id: MinerID, type: String, now: Timestamp, condition: @escaping Condition = { _ in true },
    encode: @escaping PostgresMinerStore.Encode
  ) async throws -> StoredServiceChange {
    try await change(id, type, condition, now, encode) { connection, held, _ in
      if held == nil { throw ServiceChangeError.neverSet }
      try connection.execute(
        "DELETE FROM poolhub.service_configs WHERE miner_id = $1 AND service_type = $2",
        [.text(id.text), .text(type)])
      return nil
    }
  }

  // MARK: Inside a transaction

  /// - Parameter body: changes the row, given what is there and the version to give it.
  private func change(
    _ id: MinerID, _ type: String, _ condition: @escaping Condition, _ now: Timestamp,
    _ encode: @escaping PostgresMinerStore.Encode,
    _ body:
      @Sendable @escaping (
        inout PostgresConnection, StoredService?, Int64
      ) throws -> StoredService?
  ) async throws -> StoredServiceChange {
    try await pool.run { connection in
      try connection.inTransaction { connection in
        guard try PostgresMinerStore.lock(id, on: &connection) != nil else {
          throw ServiceChangeError.unknownMiner
        }
        let held = try Self.find(id, type, on: &connection)
        guard condition(held?.version) else { throw ServiceChangeError.stale }
        let version = try Self.raiseVersion(of: id, now: now, on: &connection)
        let service = try body(&connection, held, version)
        // Read anew, with the services as they are now.
        guard let miner = try PostgresMinerStore.find(id, on: &connection) else {
          throw ServiceChangeError.unknownMiner
        }
        let outboxID = try PostgresOutbox.insert(encode(miner.record), on: &connection)
        return StoredServiceChange(
          service: service, change: StoredChange(record: miner.record, outboxID: outboxID))
      }
    }
  }

  private static func find(
    _ id: MinerID, _ type: String, on connection: inout PostgresConnection
  ) throws(PostgresError) -> StoredService? {
    let found = try connection.execute(
      """
      SELECT \(StoredService.columns) FROM poolhub.service_configs
      WHERE miner_id = $1 AND service_type = $2
      """, [.text(id.text), .text(type)])
    guard let row = found.first else { return nil }
    return try StoredService(row)
  }

  private static func raiseVersion(
    of id: MinerID, now: Timestamp, on connection: inout PostgresConnection
  ) throws(PostgresError) -> Int64 {
    let raised = try connection.execute(
      """
      UPDATE poolhub.miners SET version = version + 1, updated_at = $2
      WHERE miner_id = $1 RETURNING version
      """, [.text(id.text), .timestamp(now)])
    guard let row = raised.first else { throw PostgresError(.unexpectedResult, "no version") }
    return try row.int(0)
  }

  private static func put(
    _ service: StoredService, of id: MinerID, on connection: inout PostgresConnection
  ) throws(PostgresError) {
    let configuration = service.configuration
    try connection.execute(
      """
      INSERT INTO poolhub.service_configs
        (miner_id, service_type, version, enabled, config, pricing, price_units, capabilities,
         max_concurrent, created_at, updated_at)
      VALUES ($1, $2, $3, $4, $5::text::json, $6::text::json, $7, $8, $9, $10, $11)
      ON CONFLICT (miner_id, service_type) DO UPDATE SET version = excluded.version,
        enabled = excluded.enabled, config = excluded.config, pricing = excluded.pricing,
        price_units = excluded.price_units, capabilities = excluded.capabilities,
        max_concurrent = excluded.max_concurrent, updated_at = excluded.updated_at
      """,
      [
        .text(id.text), .text(service.type), .int(service.version), .bool(configuration.enabled),
        .text(configuration.config), .text(configuration.pricing),
        .int(configuration.price?.units), .texts(configuration.capabilities),
        .int(Int64(configuration.maxConcurrent)), .timestamp(service.createdAt),
        .timestamp(service.updatedAt),
      ])
  }
}
