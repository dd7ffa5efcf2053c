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

  @Test(
    "A role that doesn't own the table adds to it and reads it, and can't take its guard away",
    arguments: [
      "UPDATE poolhub.audit_log SET outcome = 'done'", "DELETE FROM poolhub.audit_log",
      "TRUNCATE poolhub.audit_log", "DROP TABLE poolhub.audit_log",
      "DROP TRIGGER audit_log_only_grows ON poolhub.audit_log",
      "ALTER TABLE poolhub.audit_log DISABLE TRIGGER ALL",
      "CREATE OR REPLACE FUNCTION poolhub.refuse_change() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END'",
      "SET session_replication_role = replica",
    ])
  func roleOfGateways(_ sql: String) async throws {
    try await PostgresTestServer.withFreshPool(sessions: 1) { pool in
      try await pool.run { connection in
        // Roles are the whole server's, and this one stays in its transaction.
        try connection.executeScript(
          """
          BEGIN;
          CREATE ROLE gateways_of_the_test;
          GRANT USAGE ON SCHEMA poolhub TO gateways_of_the_test;
          GRANT SELECT, INSERT, UPDATE, DELETE, TRUNCATE ON poolhub.audit_log TO gateways_of_the_test;
          SET LOCAL ROLE gateways_of_the_test;
          INSERT INTO poolhub.audit_log
            (actor, origin, action, subject, outcome, detail, request_id)
            VALUES ('a', 'b', 'c', 'd', 'e', 'f', 'g');
          SELECT FROM poolhub.audit_log
          """)
        #expect(throws: PostgresError.self) { try connection.executeScript(sql) }
        try connection.executeScript("ROLLBACK")
      }
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
