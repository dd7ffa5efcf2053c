import Changes
import Domain
import Fleet
import Foundation
import Postgres
import Redis
import Testing
import Wire

@Suite("The outbox, between PostgreSQL and the stream")
struct ChangeOutboxTests {
  @Test("appended rows are deleted, left-overs are appended once they are old enough, then deleted")
  func outboxOfPostgres() async throws {
    let directory = "/tmp/outbox-\(UUID().uuidString)"
    let postgres = PrivatePostgres(directory: directory, fsync: false)
    defer { try? FileManager.default.removeItem(atPath: directory) }
    try await postgres.start()
    do {
      let pool = PostgresPool(dsn: postgres.dsn)
      let migrations = URL(filePath: #filePath).deletingLastPathComponent()
        .deletingLastPathComponent().deletingLastPathComponent().appending(path: "migrations").path
      _ = try await pool.run { try Migrations.apply(directory: migrations, on: &$0) }
      try await withRedis { try await checkOutbox(of: pool, $0) }
    } catch {
      await postgres.stop()
      throw error
    }
    await postgres.stop()
  }

  private func checkOutbox(of pool: PostgresPool, _ redis: RedisUnderTest) async throws {
    let outbox = PostgresOutbox(pool: pool)
    let writer = ChangeWriter(
      client: redis.client, keys: redis.keys, liveStatus: redis.liveStatus(), outbox: outbox,
      logger: silentLogger)
    let changes = (1...4).map { number in
      Change.trust(
        .numbered(number), MinerTrust(score: 0.5, good: 1, bad: 1, version: Int64(number)))
    }
    let ids = try await insert(changes, into: pool)

    #expect(
      await writer.append(Array(changes[..<2]), outboxIDs: Array(ids[..<2])) != nil)
    try await eventually("their rows go") { try await rowIDs(in: pool) == Array(ids[2...]) }

    let sweeper = OutboxSweeper(outbox: outbox, writer: writer, logger: silentLogger)
    #expect(try await sweeper.sweep(olderThanMilliseconds: 3_600_000) == 0)
    #expect(try await sweeper.sweep(olderThanMilliseconds: 0) == 2)
    #expect(try await rowIDs(in: pool).isEmpty)
    let rows = try await redis.run("XRANGE", redis.keys.changeStream, "-", "+").elements ?? []
    let found = try rows.map { row in
      try ChangeCodec.decode(try #require(row.elements?.last?.elements?.last?.bytes))
    }
    #expect(found == [Array(changes[..<2]), [changes[2]], [changes[3]]])
  }

  private func insert(_ changes: [Change], into pool: PostgresPool) async throws -> [Int64] {
    try await pool.run { connection in
      try changes.map { change in
        let result = try connection.execute(
          "INSERT INTO poolhub.outbox (payload) VALUES ($1) RETURNING id",
          [.bytes(ChangeCodec.encode([change]))])
        return try #require(result.first).int(0)
      }
    }
  }

  private func rowIDs(in pool: PostgresPool) async throws -> [Int64] {
    try await pool.run { connection in
      try connection.execute("SELECT id FROM poolhub.outbox ORDER BY id").rows.map { try $0.int(0) }
    }
  }
}
