import Changes
import Postgres
import Redis
import Settings
import Testing

@Suite("Stores' addresses that a reload changes")
struct StoreAddressTests {
  @Test("each session of a pool goes on with the new one, and the old connection is given up")
  func pool() async throws {
    let dsn = try await PostgresTestServer.sharedDatabase()
    let pool = PostgresPool(dsn: dsn + " application_name=before")
    func name() async throws -> String? {
      try await pool.run { connection in
        try connection.execute("SHOW application_name").first?.text(0)
      }
    }
    #expect(try await name() == "before")
    pool.replace(dsn: dsn + " application_name=after")
    #expect(try await name() == "after")
    #expect(await pool.check() == nil)
    await pool.close()
  }

  @Test("a client and a stream's reader go to the new server at once")
  func redis() async throws {
    try await withRedis { first in
      try await withRedis { second in
        _ = try await first.run("SET", "which", "first")
        _ = try await second.run("SET", "which", "second")
        let address = RedisAddress(first.url)
        let client = RedisClient(address: address)
        #expect(try await client.send(RedisCommand("GET", "which")).text == "first")
        address.replace(second.url)
        #expect(try await client.send(RedisCommand("GET", "which")).text == "second")
      }
    }
  }

  @Test("what leads to no store is refused, and what isn't new isn't tried")
  func check() async throws {
    let dsn = try await PostgresTestServer.sharedDatabase()
    try await withRedis { redis in
      let addresses = StoreAddresses(
        pool: PostgresPool(dsn: dsn), redis: RedisAddress(redis.url))
      var environment = [
        "POOLHUB_DB_DSN": dsn + " dbname=nowhere", "POOLHUB_REDIS_URL": redis.server.url,
      ]
      func settings() throws -> CommonSettings {
        try CommonSettings(SettingsReader(environment: environment))
      }
      try await addresses.check(settings(), [])
      let database = try await fault { try await addresses.check(settings(), ["POOLHUB_DB_DSN"]) }
      #expect(database?.key == "POOLHUB_DB_DSN")
      environment["POOLHUB_DB_DSN"] = dsn
      let both = ["POOLHUB_DB_DSN", "POOLHUB_REDIS_URL"]
      try await addresses.check(settings(), both)
      environment["POOLHUB_REDIS_URL"] = "redis://127.0.0.1:1"
      let cache = try await fault { try await addresses.check(settings(), both) }
      #expect(cache?.key == "POOLHUB_REDIS_URL")
    }
  }

  private func fault(_ body: () async throws -> Void) async throws -> SettingsError? {
    do {
      try await body()
      return nil
    } catch let error as SettingsError {
      return error
    }
  }
}
