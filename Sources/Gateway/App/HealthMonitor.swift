import Changes
import Domain
import Logging
import Postgres
import ScorerClient
import ServiceLifecycle
import Synchronization

/// Looks at the stores once a second, so that the health path always answers at once, and no number of
/// askers loads the stores.
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
  private let logger: Logger
  private let state = Mutex(Stores())

  init(pool: PostgresPool, writer: ChangeWriter, scorers: ScorerClient, logger: Logger) {
    self.pool = pool
    self.writer = writer
    self.scorers = scorers
    self.logger = logger
  }

  var stores: Stores { state.withLock { $0 } }

  /// As the scorer that has come furthest counts them; nil when no scorer is usable.
  var onlineMiners: Int? { furthest.map { Int($0.beat.onlineMiners) } }

  var avgLatencyMilliseconds: Double? { furthest?.beat.avgLatencyMilliseconds }

  var usableScorers: [ScorerSnapshot] { scorers.snapshot().filter(\.isUsable) }

  private var furthest: ScorerSnapshot? { usableScorers.max { $0.applied < $1.applied } }

  func run() async throws {
    await cancelWhenGracefulShutdown {
      while !Task.isCancelled {
        async let database = self.pool.check()
        async let redis = self.writer.check()
        self.take(Stores(databaseError: await database, redisError: await redis))
        try? await Task.sleep(for: .milliseconds(Self.intervalMilliseconds))
      }
    }
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
