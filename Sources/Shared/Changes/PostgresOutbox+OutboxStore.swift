import Postgres

extension PostgresOutbox: OutboxStore {
  package func leftovers(olderThanMilliseconds: Int, limit: Int) async throws -> [OutboxRow] {
    let rows: [Row] = try await leftovers(
      olderThanMilliseconds: Int64(olderThanMilliseconds), limit: limit)
    return rows.map { OutboxRow(id: $0.id, payload: $0.payload) }
  }
}
