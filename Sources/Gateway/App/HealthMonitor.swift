import Changes
import Domain
import GatewayPolicy
import Logging
import Postgres
import ScorerClient
import ServiceLifecycle
import Settings
import Synchronization

/// Looks at the stores and the fleet once a second, so that the health path always answers at once, no
/// number of askers loads the stores, and a heartbeat costs no look around.
final class HealthMonitor: Service {
  struct Stores: Equatable, Sendable {
    /// nil: it answers. At first: not asked yet.
    var databaseError: String? = "not asked yet"
    var redisError: String? = "not asked yet"
  }

  private static let intervalMilliseconds = 1_000

  private let pool: PostgresPool
  private let writer: ChangeWriter
  private let scorers: ScorerClient
  private let announcer: GatewayAnnouncer
  private let settings: GatewaySettings
  private let logger: Logger
  private let state = Mutex(Stores())
  private let currentPacing: Mutex<HeartbeatPacing>

  init(
    pool: PostgresPool, writer: ChangeWriter, scorers: ScorerClient, announcer: GatewayAnnouncer,
    settings: GatewaySettings, logger: Logger
  ) {
    self.pool = pool
    self.writer = writer
    self.scorers = scorers
    self.announcer = announcer
    self.settings = settings
    self.logger = logger
    currentPacing = Mutex(Self.pacing(settings, onlineMiners: 0, gateways: 1))
  }

  var stores: Stores { state.withLock { $0 } }

  /// How often miners should speak, with the fleet as large as the scorers last said.
  var pacing: HeartbeatPacing { currentPacing.withLock { $0 } }

  /// As the scorer that has come furthest counts them; nil when no scorer is usable.
  var onlineMiners: Int? { furthest.map { Int($0.beat.onlineMiners) } }

  var avgLatencyMilliseconds: Double? { furthest?.beat.avgLatencyMilliseconds }

  var usableScorers: [ScorerSnapshot] { scorers.snapshot().filter(\.isUsable) }

  /// In one word, as callers of the health path read it.
  var status: String {
    let stores = stores
    if usableScorers.isEmpty { return "unavailable" }
    return stores.databaseError == nil && stores.redisError == nil ? "ok" : "degraded"
  }

  private var furthest: ScorerSnapshot? { usableScorers.max { $0.applied < $1.applied } }

  func run() async throws {
    await cancelWhenGracefulShutdown {
      while !Task.isCancelled {
        async let database = self.pool.check()
        async let redis = self.writer.check()
        self.take(Stores(databaseError: await database, redisError: await redis))
        let pacing = Self.pacing(
          self.settings, onlineMiners: self.onlineMiners ?? 0,
          gateways: self.announcer.gateways.count)
        self.currentPacing.withLock { $0 = pacing }
        try? await Task.sleep(for: .milliseconds(Self.intervalMilliseconds))
      }
    }
  }

  /// The rate is each gateway's own, and those that announce themselves share the fleet.
  private static func pacing(
    _ settings: GatewaySettings, onlineMiners: Int, gateways: Int
  ) -> HeartbeatPacing {
    HeartbeatPacing(
      leaseSeconds: settings.common.leaseSeconds, onlineMiners: onlineMiners, gateways: gateways,
      heartbeatsPerSecond: settings.heartbeatsPerSecond)
  }

  private func take(_ stores: Stores) {
    let previous = state.withLock { state in
      defer { state = stores }
      return state
    }
    log("database", from: previous.databaseError, to: stores.databaseError)
    log("redis", from: previous.redisError, to: stores.redisError)
  }

  private func log(_ store: String, from previous: String?, to current: String?) {
    if previous == current { return }
    if let current {
      logger.warning("a store is away", metadata: ["store": "\(store)", "reason": "\(current)"])
    } else {
      logger.notice("a store answers", metadata: ["store": "\(store)"])
    }
  }
}
