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

/// What the routes work with. One a process; everything in it may be used from anywhere.
struct Gateway: Sendable {
  let settings: GatewaySettings
  let logger: Logger
  let callers: Callers
  let tokens: SessionTokens
  let revocations: Revocations
  let miners: PostgresMinerStore
  let services: PostgresServiceStore
  let catalogue: ServiceCatalogue
  let history: MatchHistory
  let liveStatus: RedisLiveStatusStore
  let revocationStore: RedisRevocationStore
  let writer: ChangeWriter
  let scorers: ScorerClient
  let announcer: GatewayAnnouncer
  let acknowledged: AcknowledgedChanges
  let connections: ConnectionTable
  let health: HealthMonitor
  let metrics: GatewayMetrics
  let overview: PostgresOverview
  let watch: PoolWatch
}
