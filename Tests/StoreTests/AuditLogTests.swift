import Postgres
import Testing

@Suite("The audit log in PostgreSQL") struct AuditLogTests {
  private func entry(_ action: String) -> AuditEntry {
    AuditEntry(actor: "operator", origin: "192.0.2.1", action: action, requestID: "r")
  }

  @Test(
    "It can't be changed, by nobody's statement",
    arguments: [
      "UPDATE poolhub.audit_log SET outcome = 'done'", "DELETE FROM poolhub.audit_log",
      "TRUNCATE poolhub.audit_log",
    ])
  func onlyGrows(_ sql: String) async throws {
    try await PostgresTestServer.withFreshPool { pool in
      let log = PostgresAuditLog(pool: pool)
      try await log.append(entry("a"))
      await #expect(throws: PostgresError.self) {
        try await pool.run { _ = try $0.execute(sql, []) }
      }
      #expect(try await log.page(before: nil, action: nil, limit: 10).map(\.entry) == [entry("a")])
    }
  }

  @Test("Pages go back in time, of one action or of all")
  func pages() async throws {
    try await PostgresTestServer.withFreshPool { pool in
      let log = PostgresAuditLog(pool: pool)
      for action in ["a", "b", "a", "c"] { try await log.append(entry(action)) }
      let first = try await log.page(before: nil, action: nil, limit: 2)
      #expect(first.map(\.entry.action) == ["c", "a"])
      let rest = try await log.page(before: first.last?.id, action: nil, limit: 10)
      #expect(rest.map(\.entry.action) == ["b", "a"])
      #expect(try await log.page(before: nil, action: "a", limit: 10).count == 2)
    }
  }
}
