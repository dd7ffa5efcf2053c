/// Changes that are committed but may not have reached the change stream yet.
///
/// Whoever commits a change writes its row in the same transaction, appends the change to the
/// stream and deletes the row. A sweeper does the same for rows that somebody left behind; that a
/// change may thus be appended twice harms nobody, since changes are idempotent.
package struct PostgresOutbox: Sendable {
  package struct Row: Equatable, Sendable {
    package var id: Int64
    package var payload: [UInt8]
  }

  private let pool: PostgresPool

  package init(pool: PostgresPool) { self.pool = pool }

  /// The oldest rows that have been waiting for longer than that, at most `limit`.
  package func leftovers(olderThanMilliseconds: Int64, limit: Int) async throws -> [Row] {
    try await pool.run { connection in
      let result = try connection.execute(
        """
        SELECT id, payload FROM poolhub.outbox
        WHERE created_at < clock_timestamp() - $1 * interval '1 millisecond'
        ORDER BY id LIMIT $2
        """, [.double(Double(olderThanMilliseconds)), .int(Int64(limit))])
      return try result.rows.map { Row(id: try $0.int(0), payload: try $0.bytes(1)) }
    }
  }

  /// Takes rows whose changes are in the stream out; unknown ids are passed over. Rows that come back because the
  /// server died are swept once more.
  package func delete(ids: [Int64]) async throws {
    if ids.isEmpty { return }
    try await pool.run { connection in
      _ = try connection.execute(together: [
        .withoutSync,
        PostgresStatement("DELETE FROM poolhub.outbox WHERE id = ANY ($1)", [.ints(ids)]),
      ])
    }
  }

  /// Writes a row inside the caller's transaction.
  /// - Returns: its id.
  static func insert(
    _ payload: [UInt8], on connection: inout PostgresConnection
  ) throws(PostgresError) -> Int64 {
    let insertion = insertion(of: payload)
    return try id(in: try connection.execute(insertion.sql, insertion.parameters))
  }

  /// The same, to be sent together with other statements.
  package static func insertion(of payload: [UInt8]) -> PostgresStatement {
    PostgresStatement(
      "INSERT INTO poolhub.outbox (payload) VALUES ($1) RETURNING id", [.bytes(payload)])
  }

  /// What an insertion gave.
  package static func id(in result: PostgresResult) throws(PostgresError) -> Int64 {
    guard let row = result.first else { throw PostgresError(.unexpectedResult, "no id") }
    return try row.int(0)
  }
}
