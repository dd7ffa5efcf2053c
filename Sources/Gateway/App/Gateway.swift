import Changes
import Domain
import GatewayHistory
import GatewayPolicy
import GatewayServices
import Logging
import Postgres
import Redis
import ScorerClient
import Settings
import Telemetry

/// What the routes work with. One a process; everything in it may be used from anywhere.
struct Gateway: Sendable {
  let settings: GatewaySettings
  let logger: Logger
  let callers: Callers
  let addresses: ClientAddresses
  let registry: PrometheusRegistry
  let limits: RateLimits
  let limitStore: RedisRateLimitStore
  let secrets: GatewaySecrets
  let revocations: Revocations
  let miners: PostgresMinerStore
  let keys: KeyDesk
  let audit: PostgresAuditLog
  let services: PostgresServiceStore
  let catalogue: ServiceCatalogue
  let history: MatchHistory
  let liveStatus: RedisLiveStatusStore
  let lastKnown: PostgresStatusStore
  let revocationStore: RedisRevocationStore
  let writer: ChangeWriter
  let scorers: ScorerClient
  let announcer: GatewayAnnouncer
  let acknowledged: AcknowledgedChanges
  let connections: ConnectionTable
  /// How many of them there may be.
  let webSocketLimit: Int
  /// HTTP connections that may be open beside so many WebSockets.
  let httpConnectionLimit: @Sendable (_ webSocketCount: Int) -> Int
  let health: HealthMonitor
  let metrics: GatewayMetrics
  let overview: PostgresOverview
  let watch: PoolWatch
}

extension Gateway {
  var tokens: SessionTokens { secrets.tokens }
  var offers: Offers { secrets.offers }

  /// What these miners said last: what is live, and for the others what was written down of them. Of one
  /// that never said anything there is nothing.
  func statuses(of ids: [MinerID]) async throws -> [MinerID: StatusPatch] {
    let live = try await liveStatus.statuses(of: ids)
    let missing = ids.filter { live[$0] == nil }
    if missing.isEmpty { return live }
    return try await live.merging(lastKnown.statuses(of: missing)) { live, _ in live }
  }
}
