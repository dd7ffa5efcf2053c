import Domain

/// What the hub holds of a key. Of the key itself it holds only the hash.
package struct StoredKey: Equatable, Sendable {
  package var id: String
  package var kind: IssuedKey.Kind
  /// The miner's id or the coordinator's name; nil for a miner's key that wasn't used yet.
  package var owner: String?
  package var label: String
  package var createdAt: Timestamp
  package var expiresAt: Timestamp?
  package var revokedAt: Timestamp?

  static let columns =
    "key_id, miner_id, coordinator, label, created_at, expires_at, revoked_at"

  init(_ row: PostgresRow) throws(PostgresError) {
    let coordinator = row.optionalText(2)
    id = try row.text(0)
    kind = coordinator == nil ? .miner : .coordinator
    owner = coordinator ?? row.optionalText(1)
    label = try row.text(3)
    createdAt = try row.timestamp(4)
    expiresAt = try row.optionalTimestamp(5)
    revokedAt = try row.optionalTimestamp(6)
  }

  package func isLive(at now: Timestamp) -> Bool {
    revokedAt == nil && expiresAt.map { now < $0 } ?? true
  }
}

/// A key to be stored.
package struct NewKey: Sendable {
  package var hash: [UInt8]
  package var kind: IssuedKey.Kind
  package var owner: String?
  package var label: String
  package var expiresAt: Timestamp?

  package init(
    hash: [UInt8], kind: IssuedKey.Kind, owner: String?, label: String = "",
    expiresAt: Timestamp? = nil
  ) {
    self.hash = hash
    self.kind = kind
    self.owner = owner
    self.label = label
    self.expiresAt = expiresAt
  }
}

/// Why nothing was done to keys.
package enum KeyRefusal: Error, Equatable {
  case unknownKey, unknownMiner
  /// The key was revoked or has ended.
  case ended
  /// The owner has two live ones, or there are as many coordinators' keys as there may be.
  case tooMany
}

/// The keys of miners and coordinators, in PostgreSQL: issued, rotated, revoked. Each change writes
/// its entry of the audit log in the same transaction.
package struct PostgresKeyStore: Sendable {
  /// The old one and the new one.
  package static let liveKeyLimit = 2
  /// Every match looks through all of them.
  package static let coordinatorKeyLimit = 100
  /// For so long after a revocation a gateway may not have heard of it; sessions that begin
  /// meanwhile are void too.
  package static let spreadMilliseconds: Int64 = 2_000

  static let live = "revoked_at IS NULL AND (expires_at IS NULL OR expires_at > clock_timestamp())"

  private let pool: PostgresPool

  package init(pool: PostgresPool) { self.pool = pool }

  /// - Parameter elsewhere: live secrets of the owner that aren't stored here.
  /// - Throws: `KeyRefusal`; `PostgresError`.
  package func issue(
    _ key: NewKey, elsewhere: Int = 0, now: Timestamp, audit: AuditEntry
  ) async throws -> StoredKey {
    try await pool.run { connection in
      try connection.inTransaction { connection in
        try Self.lockOwner(of: key, on: &connection)
        return try Self.add(
          key, elsewhere: elsewhere, now: now, audit: audit, on: &connection)
      }
    }
  }

  /// Gives the owner another key, and the old one an end after `overlapMilliseconds`.
  package func rotate(
    _ id: String, to hash: [UInt8], overlapMilliseconds: Int64,
    elsewhere: @escaping @Sendable (String) -> Int, now: Timestamp, audit: AuditEntry
  ) async throws -> StoredKey {
    try await pool.run { connection in
      try connection.inTransaction { connection in
        guard let named = try Self.find(id, on: &connection) else { throw KeyRefusal.unknownKey }
        var key = NewKey(hash: hash, kind: named.kind, owner: named.owner, label: named.label)
        try Self.lockOwner(of: key, on: &connection)
        // Under the lock it may be found bound or ended meanwhile.
        guard let old = try Self.find(id, on: &connection) else { throw KeyRefusal.unknownKey }
        guard old.owner == named.owner, old.isLive(at: now) else { throw KeyRefusal.ended }
        key.label = old.label
        let end = now.advanced(byMilliseconds: overlapMilliseconds)
        try connection.execute(
          "UPDATE poolhub.api_keys SET expires_at = least(expires_at, $2) WHERE key_id = $1",
          [.text(id), .timestamp(end)])
        var audit = audit
        audit.detail = "replaces \(id), which ends in \(overlapMilliseconds / 1_000) s or before"
        let count = old.kind == .coordinator ? elsewhere(old.owner ?? "") : 0
        return try Self.add(key, elsewhere: count, now: now, audit: audit, on: &connection)
      }
    }
  }

  /// Ends a key for good; one that is revoked already stays as it is.
  ///
  /// - Parameter encode: packs what gateways have to hear, for the outbox.
  /// - Returns: the key, and the outbox row if it was a miner's.
  package func revoke(
    _ id: String, now: Timestamp, audit: AuditEntry,
    encode: @escaping @Sendable (MinerID) -> [UInt8]
  ) async throws -> (key: StoredKey, outboxID: Int64?) {
    try await pool.run { connection in
      try connection.inTransaction { connection in
        guard let named = try Self.find(id, on: &connection) else { throw KeyRefusal.unknownKey }
        // So that a registration with the key is either before or after.
        if named.kind == .miner, let miner = named.owner.flatMap({ MinerID($0) }) {
          _ = try PostgresMinerStore.lock(miner, on: &connection)
        }
        let row = try connection.execute(
          """
          UPDATE poolhub.api_keys SET revoked_at = coalesce(revoked_at, $2) WHERE key_id = $1
          RETURNING \(StoredKey.columns)
          """, [.text(id), .timestamp(now)]
        ).first
        guard let row else { throw KeyRefusal.unknownKey }
        let key = try StoredKey(row)
        var audit = audit
        audit.detail = Self.describe(key)
        try PostgresAuditLog.insert(audit, on: &connection)
        // Revoking it again must not end the sessions that began since.
        guard key.revokedAt == now, key.kind == .miner,
          let miner = key.owner.flatMap({ MinerID($0) })
        else {
          return (key, nil)
        }
        return (key, try PostgresOutbox.insert(encode(miner), on: &connection))
      }
    }
  }
}

// MARK: Reading

extension PostgresKeyStore {
  /// - Returns: nil when there is no key of this id.
  package func key(_ id: String) async throws -> StoredKey? {
    try await pool.run { try Self.find(id, on: &$0) }
  }

  /// The next `limit` keys in the order of their ids.
  package func page(
    after cursor: String, kind: IssuedKey.Kind?, owner: String?, live: Bool?, limit: Int
  ) async throws -> [StoredKey] {
    try await pool.run { connection in
      let result = try connection.execute(
        """
        SELECT \(StoredKey.columns) FROM poolhub.api_keys
        WHERE key_id > $1 AND ($2::bool IS NULL OR (coordinator IS NOT NULL) = $2)
          AND ($3::text IS NULL OR coalesce(coordinator, miner_id) = $3)
          AND ($4::bool IS NULL OR (\(Self.live)) = $4)
        ORDER BY key_id LIMIT $5
        """,
        [
          .text(cursor), .bool(kind.map { $0 == .coordinator }), .text(owner), .bool(live),
          .int(Int64(limit)),
        ], preparing: false)
      return try result.rows.map { row in try StoredKey(row) }
    }
  }

  /// Whether a miner's key may register: issued, and neither revoked nor ended.
  package func isLive(_ keyHash: [UInt8]) async throws -> Bool {
    try await pool.run { connection in
      try connection.execute(
        """
        SELECT FROM poolhub.api_keys
        WHERE key_hash = $1 AND coordinator IS NULL AND \(Self.live)
        """, [.bytes(keyHash)]
      ).rowCount == 1
    }
  }

  /// Whether a miner's key is bound to nobody.
  static func isUnused(
    _ keyHash: [UInt8], on connection: inout PostgresConnection
  ) throws(PostgresError) -> Bool {
    try connection.execute(
      """
      SELECT FROM poolhub.api_keys
      WHERE key_hash = $1 AND miner_id IS NULL AND coordinator IS NULL
      """, [.bytes(keyHash)]
    ).rowCount == 1
  }

  package func liveCoordinatorKeys() async throws -> [(name: String, hash: [UInt8])] {
    try await pool.run { connection in
      let result = try connection.execute(
        """
        SELECT coordinator, key_hash FROM poolhub.api_keys
        WHERE coordinator IS NOT NULL AND \(Self.live)
        """)
      return try result.rows.map { (name: try $0.text(0), hash: try $0.bytes(1)) }
    }
  }

  /// The miners whose keys were revoked from that moment on, each with the last time.
  package func revocations(since moment: Timestamp) async throws -> [MinerID: Timestamp] {
    try await pool.run { connection in
      let result = try connection.execute(
        """
        SELECT miner_id, max(revoked_at) FROM poolhub.api_keys
        WHERE revoked_at >= $1 AND miner_id IS NOT NULL GROUP BY miner_id
        """, [.timestamp(moment)])
      var found: [MinerID: Timestamp] = [:]
      for row in result.rows {
        if let id = MinerID(try row.text(0)) { found[id] = try row.timestamp(1) }
      }
      return found
    }
  }
}

// MARK: Inside a transaction

extension PostgresKeyStore {
  /// Keeps others from giving the same owner a key.
  private static func lockOwner(
    of key: NewKey, on connection: inout PostgresConnection
  ) throws {
    switch key.kind {
    case .coordinator:
      try connection.execute(
        "SELECT pg_advisory_xact_lock(hashtext('poolhub.coordinator_keys'))", [])
    case .miner:
      guard let owner = key.owner else { return }
      guard let id = MinerID(owner), try PostgresMinerStore.lock(id, on: &connection) != nil else {
        throw KeyRefusal.unknownMiner
      }
    }
  }

  private static func add(
    _ key: NewKey, elsewhere: Int, now: Timestamp, audit: AuditEntry,
    on connection: inout PostgresConnection
  ) throws -> StoredKey {
    let column = key.kind == .miner ? "miner_id" : "coordinator"
    if let owner = key.owner {
      let counts = try connection.execute(
        """
        SELECT count(*) FILTER (WHERE \(column) = $1), count(coordinator)
        FROM poolhub.api_keys WHERE (\(column) = $1 OR coordinator IS NOT NULL) AND \(live)
        """, [.text(owner)]
      ).first
      guard let counts, try counts.int(0) + Int64(elsewhere) < Int64(liveKeyLimit),
        try key.kind == .miner || counts.int(1) < Int64(coordinatorKeyLimit)
      else { throw KeyRefusal.tooMany }
    }
    let row = try connection.execute(
      """
      INSERT INTO poolhub.api_keys (key_hash, \(column), label, expires_at, created_at)
      VALUES ($1, $2, $3, $4, $5) RETURNING \(StoredKey.columns)
      """,
      [
        .bytes(key.hash), .text(key.owner), .text(key.label), .timestamp(key.expiresAt),
        .timestamp(now),
      ]
    ).first
    guard let row else { throw PostgresError(.unexpectedResult, "no key") }
    let stored = try StoredKey(row)
    var audit = audit
    audit.subject = stored.id
    if audit.detail.isEmpty { audit.detail = describe(stored) }
    try PostgresAuditLog.insert(audit, on: &connection)
    return stored
  }

  private static func find(
    _ id: String, on connection: inout PostgresConnection
  ) throws(PostgresError) -> StoredKey? {
    let sql = "SELECT \(StoredKey.columns) FROM poolhub.api_keys WHERE key_id = $1"
    guard let row = try connection.execute(sql, [.text(id)]).first else { return nil }
    return try StoredKey(row)
  }

  private static func describe(_ key: StoredKey) -> String {
    key.owner.map { "\(key.kind.rawValue) \($0)" } ?? key.kind.rawValue
  }
}
