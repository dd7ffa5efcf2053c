import Domain

/// What a registration left behind.
package struct Registration: Equatable, Sendable {
  package var record: MinerRecord
  /// False when the miner was known already.
  package var created: Bool
  package var trust: MinerTrust
  package var outboxID: Int64
}

/// Why a registration was refused. Nothing was stored.
package enum RegistrationError: Error, Equatable {
  /// The id is another key's.
  case wrongKey
  /// The key is another id's.
  case keyInUse
  /// The key was revoked, or has ended, before anybody used it.
  case keyEnded
}

/// A change of a miner's record that is committed and on its way to the change stream.
package struct StoredChange: Equatable, Sendable {
  package var record: MinerRecord
  package var outboxID: Int64
}

/// Miners' durable records and their keys, in PostgreSQL.
///
/// Each change raises the record's version by one and writes an outbox row in the same transaction.
package struct PostgresMinerStore: Sendable {
  /// Packs a change for the outbox.
  package typealias Encode = @Sendable (MinerRecord) -> [UInt8]
  package typealias Edit = @Sendable (inout MinerProfile) -> Void

  /// Miners in one page of `streamAll`.
  package static let snapshotPageLimit = 5_000
  /// How often a registration starts over because the id it found free or taken no longer was.
  private static let claimAttemptLimit = 3

  private let pool: PostgresPool

  package init(pool: PostgresPool) { self.pool = pool }

  // MARK: Changes

  /// Claims `id` for the key, or updates the profile of the miner that the key belongs to.
  ///
  /// - Parameters:
  ///   - keyHash: SHA-256 of the API key.
  ///   - update: edits the profile as it stands, or one of defaults.
  /// - Throws: `RegistrationError`; `PostgresError`.
  package func register(
    id: MinerID, keyHash: [UInt8], now: Timestamp, update: @escaping Edit,
    encode: @escaping Encode
  ) async throws -> Registration {
    try await pool.run { connection in
      try connection.inTransaction { connection in
        for _ in 0..<Self.claimAttemptLimit {
          if let known = try Self.lock(id, on: &connection) {
            guard try Self.owns(keyHash, id, on: &connection) else {
              throw RegistrationError.wrongKey
            }
            let change = try Self.change(
              known.record, now: now, on: &connection, encode: encode
            ) { update(&$0.profile) }
            return Registration(
              record: change.record, created: false, trust: known.trust, outboxID: change.outboxID)
          }
          var record = MinerRecord(id: id, version: 1, profile: MinerProfile())
          update(&record.profile)
          // Waits for whoever is registering the same id just now; then it is known.
          guard try Self.insert(record, now: now, on: &connection) else { continue }
          guard try Self.claim(keyHash, for: id, now: now, on: &connection) else {
            let isUnused = try PostgresKeyStore.isUnused(keyHash, on: &connection)
            throw isUnused ? RegistrationError.keyEnded : .keyInUse
          }
          let outboxID = try PostgresOutbox.insert(encode(record), on: &connection)
          return Registration(record: record, created: true, trust: .none, outboxID: outboxID)
        }
        throw PostgresError(.unavailable, "the miner's row kept changing")
      }
    }
  }

  /// - Returns: nil when the miner is unknown.
  package func update(
    _ id: MinerID, now: Timestamp, change edit: @escaping Edit, encode: @escaping Encode
  ) async throws -> StoredChange? {
    try await pool.run { connection in
      try connection.inTransaction { connection in
        guard let known = try Self.lock(id, on: &connection) else { return nil }
        return try Self.change(known.record, now: now, on: &connection, encode: encode) {
          edit(&$0.profile)
        }
      }
    }
  }

  /// Puts an operator's price in force, or with nil takes it back.
  /// - Returns: nil when the miner is unknown.
  package func setPriceOverride(
    _ id: MinerID, _ priceOverride: PriceOverride?, now: Timestamp, audit: AuditEntry? = nil,
    encode: @escaping Encode
  ) async throws -> StoredChange? {
    try await pool.run { connection in
      try connection.inTransaction { connection in
        guard let known = try Self.lock(id, on: &connection) else { return nil }
        if let audit { try PostgresAuditLog.insert(audit, on: &connection) }
        try connection.execute(
          "DELETE FROM poolhub.price_overrides WHERE miner_id = $1", [.text(id.text)])
        if let priceOverride {
          try connection.execute(
            """
            INSERT INTO poolhub.price_overrides
              (miner_id, price_units, reason, expires_at, created_at) VALUES ($1, $2, $3, $4, $5)
            """,
            [
              .text(id.text), .int(priceOverride.price.units), .text(priceOverride.reason),
              .timestamp(priceOverride.expiresAt), .timestamp(now),
            ])
        }
        return try Self.change(known.record, now: now, on: &connection, encode: encode) {
          $0.priceOverride = priceOverride
        }
      }
    }
  }

  // MARK: Inside a transaction

  /// Reads a miner and keeps others from changing it; feedback on it may go on.
  static func lock(
    _ id: MinerID, on connection: inout PostgresConnection
  ) throws(PostgresError) -> StoredMiner? {
    let locked = try connection.execute(
      "SELECT FROM poolhub.miners WHERE miner_id = $1 FOR NO KEY UPDATE", [.text(id.text)])
    if locked.rowCount == 0 { return nil }
    // A statement of its own, so that it sees override and services as they stand under the lock.
    return try find(id, on: &connection)
  }

  static func find(
    _ id: MinerID, on connection: inout PostgresConnection
  ) throws(PostgresError) -> StoredMiner? {
    let sql = StoredMiner.select + "WHERE m.miner_id = $1"
    guard let row = try connection.execute(sql, [.text(id.text)]).first else { return nil }
    return try StoredMiner(row)
  }

  private static func owns(
    _ keyHash: [UInt8], _ id: MinerID, on connection: inout PostgresConnection
  ) throws(PostgresError) -> Bool {
    try connection.execute(
      """
      SELECT FROM poolhub.api_keys
      WHERE key_hash = $1 AND miner_id = $2 AND \(PostgresKeyStore.live)
      """, [.bytes(keyHash), .text(id.text)]
    ).rowCount == 1
  }

  /// - Returns: false when the id is taken.
  private static func insert(
    _ record: MinerRecord, now: Timestamp, on connection: inout PostgresConnection
  ) throws(PostgresError) -> Bool {
    try connection.execute(
      """
      INSERT INTO poolhub.miners
        (miner_id, version, created_at, updated_at, \(MinerProfile.columns))
      VALUES ($1, $2, $3, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18)
      ON CONFLICT DO NOTHING
      """,
      [.text(record.id.text), .int(record.version), .timestamp(now)] + record.profile.parameters
    ).affectedCount == 1
  }

  /// A key that was issued and not used yet binds to the id, too.
  /// - Returns: false when the key is taken, or has ended.
  private static func claim(
    _ keyHash: [UInt8], for id: MinerID, now: Timestamp,
    on connection: inout PostgresConnection
  ) throws(PostgresError) -> Bool {
    try connection.execute(
      """
      INSERT INTO poolhub.api_keys AS k (key_hash, miner_id, created_at) VALUES ($1, $2, $3)
      ON CONFLICT (key_hash) DO UPDATE SET miner_id = $2
      WHERE k.miner_id IS NULL AND k.coordinator IS NULL AND k.revoked_at IS NULL
        AND (k.expires_at IS NULL OR k.expires_at > clock_timestamp())
      """, [.bytes(keyHash), .text(id.text), .timestamp(now)]
    ).affectedCount == 1
  }

  private static func change(
    _ record: MinerRecord, now: Timestamp, on connection: inout PostgresConnection,
    encode: Encode, edit: (inout MinerRecord) -> Void
  ) throws(PostgresError) -> StoredChange {
    var record = record
    edit(&record)
    record.version += 1
    try connection.execute(
      """
      UPDATE poolhub.miners SET version = $2, updated_at = $3, (\(MinerProfile.columns)) =
        ROW ($4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18)
      WHERE miner_id = $1
      """,
      [.text(record.id.text), .int(record.version), .timestamp(now)] + record.profile.parameters)
    let outboxID = try PostgresOutbox.insert(encode(record), on: &connection)
    return StoredChange(record: record, outboxID: outboxID)
  }
}

// MARK: Reading

extension PostgresMinerStore {
  /// Whose key this is, and until when; nil for one that is unknown, not used yet, or ended.
  package func holder(
    ofKeyHash keyHash: [UInt8]
  ) async throws -> (minerID: MinerID, expiresAt: Timestamp?)? {
    try await pool.run { connection in
      let row = try connection.execute(
        """
        SELECT miner_id, expires_at FROM poolhub.api_keys
        WHERE key_hash = $1 AND miner_id IS NOT NULL AND \(PostgresKeyStore.live)
        """, [.bytes(keyHash)]
      ).first
      guard let row, let id = MinerID(try row.text(0)) else { return nil }
      return (id, try row.optionalTimestamp(1))
    }
  }

  package func minerID(forKeyHash keyHash: [UInt8]) async throws -> MinerID? {
    try await holder(ofKeyHash: keyHash)?.minerID
  }

  /// - Returns: nil when the miner is unknown. An expired override is given with its expiry.
  package func record(_ id: MinerID) async throws -> StoredMiner? {
    try await pool.run { try Self.find(id, on: &$0) }
  }

  /// The first `limit` miners after `cursor` in byte order of their ids, of those that pass the
  /// filter.
  package func page(
    after cursor: MinerID?, limit: Int, filter: MinerFilter = MinerFilter()
  ) async throws -> [StoredMiner] {
    try await pool.run { connection in
      let result = try connection.execute(
        StoredMiner.select + """
          WHERE m.miner_id > $1
            AND ($3::text IS NULL OR m.region = $3)
            AND ($4::text IS NULL OR m.capabilities @> ARRAY[$4] OR (
              -- As a value, not EXISTS, for which the planner may read the whole table.
              SELECT true FROM poolhub.service_configs c
              WHERE c.miner_id = m.miner_id AND enabled AND c.capabilities @> ARRAY[$4] LIMIT 1))
            AND ($5::float8 IS NULL OR coalesce(t.score, 0.5) >= $5)
            AND ($6::text IS NULL OR strpos(m.miner_id, $6) > 0)
          ORDER BY m.miner_id LIMIT $2
          """,
        [
          .text(cursor?.text ?? ""), .int(Int64(limit)), .text(filter.region),
          .text(filter.capability), .double(filter.minTrust), .text(filter.idPart),
        ], preparing: false)
      return try result.rows.map { row in try StoredMiner(row) }
    }
  }

  /// Gives every miner to `body`, a page at a time. Not one moment's picture: what changes
  /// meanwhile may be given before or after its change, which the record's version tells.
  ///
  /// `body` runs where the caller does, so it may touch the caller's state.
  package nonisolated(nonsending) func streamAll(
    batch: Int = snapshotPageLimit,
    _ body: nonisolated(nonsending) ([StoredMiner]) async throws -> Void
  ) async throws {
    var cursor: MinerID?
    while true {
      let page = try await page(after: cursor, limit: batch)
      if !page.isEmpty { try await body(page) }
      if page.count < batch { return }
      cursor = page.last?.record.id
    }
  }
}
