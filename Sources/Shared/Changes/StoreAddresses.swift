import Postgres
import Redis
import Settings

/// Where a process's stores are, while it runs.
package struct StoreAddresses: Sendable {
  private let pool: PostgresPool
  private let redis: RedisAddress

  package init(pool: PostgresPool, redis: RedisAddress) {
    self.pool = pool
    self.redis = redis
  }

  /// Tries out what is new, so that a mistyped password is told rather than taken.
  ///
  /// - Parameter changes: the keys that have new values.
  /// - Throws: `SettingsError` when a store can't be used so.
  package func check(_ settings: CommonSettings, _ changes: [String]) async throws {
    if changes.contains("POOLHUB_DB_DSN") {
      var configuration = PostgresPool.Configuration(dsn: settings.databaseDSN)
      configuration.sessionCount = 1
      let pool = PostgresPool(configuration)
      let fault = await pool.check()
      await pool.close()
      if let fault { throw Self.error("POOLHUB_DB_DSN", "PostgreSQL", fault) }
    }
    if changes.contains("POOLHUB_REDIS_URL") {
      let url = try RedisURL(settings.redisURL)
      do {
        try await RedisClient(url: url).ping()
      } catch {
        throw Self.error("POOLHUB_REDIS_URL", "Redis", error.shortReason)
      }
    }
  }

  /// What runs ends as it is; then the new addresses count.
  ///
  /// - Precondition: they are well formed.
  package func replace(_ settings: CommonSettings) {
    pool.replace(dsn: settings.databaseDSN)
    if let url = try? RedisURL(settings.redisURL) { redis.replace(url) }
  }

  private static func error(_ key: String, _ store: String, _ fault: String) -> SettingsError {
    SettingsError(
      key: key, fault: "leads to no usable \(store): \(fault)",
      mend: "mend it, or the store, and reload again")
  }
}
