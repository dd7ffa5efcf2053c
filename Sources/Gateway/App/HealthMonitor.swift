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
      // Each by itself: one that doesn't answer keeps nobody from seeing how the others are.
      await withTaskGroup { group in
        group.addTask {
          await self.nowAndThen { self.note("database", \.databaseError, await self.pool.check()) }
        }
        group.addTask {
          await self.nowAndThen { self.note("redis", \.redisError, await self.writer.check()) }
        }
        group.addTask {
          await self.nowAndThen {
            let pacing = Self.pacing(
              self.settings, onlineMiners: self.onlineMiners ?? 0,
              gateways: self.announcer.gateways.count)
            self.currentPacing.withLock { $0 = pacing }
          }
        }
      }
    }
  }

  private func nowAndThen(_ look: () async -> Void) async {
    while !Task.isCancelled {
      await look()
      try? await Task.sleep(for: .milliseconds(Self.intervalMilliseconds))
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

  private func note(
    _ store: String, _ path: WritableKeyPath<Stores, String?> & Sendable, _ current: String?
  ) {
    let previous = state.withLock { state in
      defer { state[keyPath: path] = current }
      return state[keyPath: path]
    }
    if previous == current { return }
    if let current {
      logger.warning("a store is away", metadata: ["store": "\(store)", "reason": "\(current)"])
    } else {
      logger.notice("a store answers", metadata: ["store": "\(store)"])
    }
  }
}
