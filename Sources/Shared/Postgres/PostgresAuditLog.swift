import Domain

/// Something that an operator did or was refused. Never holds a secret.
package struct AuditEntry: Equatable, Sendable {
  package static let done = "done"

  package var actor: String
  /// The address that the request came from.
  package var origin: String
  package var action: String
  /// The key or miner that it was done to; empty where there was none.
  package var subject: String
  /// `done`, or the code of the problem that was answered.
  package var outcome: String
  package var detail: String
  package var requestID: String

  package init(
    actor: String, origin: String, action: String, subject: String = "", outcome: String = done,
    detail: String = "", requestID: String
  ) {
    self.actor = actor
    self.origin = origin
    self.action = action
    self.subject = subject
    self.outcome = outcome
    self.detail = detail
    self.requestID = requestID
  }
}

/// The log of operators' actions. The database itself refuses to change or delete what is in it.
package struct PostgresAuditLog: Sendable {
  package struct Row: Equatable, Sendable {
    package var id: Int64
    package var at: Timestamp
    package var entry: AuditEntry
  }

  private let pool: PostgresPool

  package init(pool: PostgresPool) { self.pool = pool }

  /// For what was refused; what is done writes its entry in its own transaction.
  package func append(_ entry: AuditEntry) async throws {
    try await pool.run { try Self.insert(entry, on: &$0) }
  }

  /// The newest first, from before the row `cursor` on.
  package func page(before cursor: Int64?, action: String?, limit: Int) async throws -> [Row] {
    try await pool.run { connection in
      let result = try connection.execute(
        """
        SELECT id, at, actor, origin, action, subject, outcome, detail, request_id
        FROM poolhub.audit_log
        WHERE id < $1 AND ($2::text IS NULL OR action = $2) ORDER BY id DESC LIMIT $3
        """, [.int(cursor ?? .max), .text(action), .int(Int64(limit))])
      return try result.rows.map { row in
        Row(
          id: try row.int(0), at: try row.timestamp(1),
          entry: AuditEntry(
            actor: try row.text(2), origin: try row.text(3), action: try row.text(4),
            subject: try row.text(5), outcome: try row.text(6), detail: try row.text(7),
            requestID: try row.text(8)))
      }
    }
  }

  static func insert(
    _ entry: AuditEntry, on connection: inout PostgresConnection
  ) throws(PostgresError) {
    try connection.execute(
      """
      INSERT INTO poolhub.audit_log
        (actor, origin, action, subject, outcome, detail, request_id)
      VALUES ($1, $2, $3, $4, $5, $6, $7)
      """,
      [
        .text(entry.actor), .text(entry.origin), .text(entry.action), .text(entry.subject),
        .text(entry.outcome), .text(entry.detail), .text(entry.requestID),
      ])
  }
}
