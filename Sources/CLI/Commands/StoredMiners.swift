import Domain
import FoundationEssentials
import IndexBenchmark
import Postgres
import Redis

/// The index benchmark's miners in a hub's stores, all of them online from now on for as long as a benchmark
/// may take, but for the few that the population says are not.
struct StoredMiners: Sendable {
  private static let lifetimeSeconds = 86_400

  let count: Int
  let seed: UInt64

  /// - Parameter progress: told how many are in.
  func fill(dsn: String, redisURL: String, progress: (Int) -> Void) async throws {
    let pool = PostgresPool(dsn: dsn)
    let live = RedisLiveStatusStore(
      client: RedisClient(url: try RedisURL(redisURL)), keys: RedisKeys(),
      timeToLiveSeconds: Self.lifetimeSeconds)
    let now = Timestamp(milliseconds: Int64(Date().timeIntervalSince1970 * 1_000))
    let population = MinerPopulation(
      seed: seed, horizonMilliseconds: Self.lifetimeSeconds * 1_000, start: now)
    try await StoredPopulation(population, count: count).store(
      pool, statuses: { try await live.merge($0) }, progress: progress)
    await pool.close()
  }
}
