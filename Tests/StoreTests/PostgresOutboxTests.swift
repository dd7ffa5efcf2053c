import Domain
import Postgres
import Testing

@Suite("The outbox")
struct PostgresOutboxTests {
  @Test("Left-overs are the oldest first, only those old enough, and gone once deleted")
  func leftovers() async throws {
    try await PostgresTestServer.withFreshPool { pool in
      try await SampleMiners.register((0..<5).map { SampleMiners.id("m\($0)") }, in: pool)
      let outbox = PostgresOutbox(pool: pool)
      #expect(try await outbox.leftovers(olderThanMilliseconds: 3_600_000, limit: 10) == [])
      try await pool.run { connection in
        try connection.executeScript(
          "UPDATE poolhub.outbox SET created_at = created_at - interval '1 hour' WHERE id <= 3")
      }
      let old = try await outbox.leftovers(olderThanMilliseconds: 1_800_000, limit: 10)
      #expect(old.map { String(decoding: $0.payload, as: UTF8.self) } == ["m0 1", "m1 1", "m2 1"])
      #expect(
        try await outbox.leftovers(olderThanMilliseconds: 1_800_000, limit: 2) == Array(old[..<2]))
      try await outbox.delete(ids: [old[0].id, old[2].id, 999_999])
      try await outbox.delete(ids: [])
      #expect(
        try await outbox.leftovers(olderThanMilliseconds: 1_800_000, limit: 10) == [old[1]])
    }
  }

  @Test("A change that was rolled back leaves no row")
  func rollback() async throws {
    try await PostgresTestServer.withFreshPool { pool in
      let store = PostgresMinerStore(pool: pool)
      _ = try? await store.register(
        id: SampleMiners.id("m"), keyHash: [1], now: SampleMiners.now, update: { _ in },
        encode: SampleMiners.encode)
      let rows = try await PostgresOutbox(pool: pool)
        .leftovers(olderThanMilliseconds: -60_000, limit: 10)
      #expect(rows == [])
    }
  }
}
