import Domain
import GatewayPolicy
import Logging
import Postgres
import Redis
import ScorerClient
import ServiceLifecycle
import Synchronization
import Telemetry

/// Makes the pool's summary once a second, for all viewers together, out of what the gateway holds in
/// memory anyway.
///
/// GPUs and prices are the exception: neither heartbeats nor scorers' beats carry them, and a scorer has
/// better to do than to sort them. They are read from the stores in pages, every few seconds at most,
/// and only while somebody looks.
final class PoolWatch: Service {
  static let viewerLimit = 256
  private static let interval = Duration.seconds(1)
  private static let surveyPageLimit = 5_000
  private static let surveyInterval = Duration.seconds(5)
  /// A survey may take this part of the time at most: with a very large pool they come less often.
  private static let surveyShare = 20
  /// A look keeps the surveys going for so long.
  private static let lookLifetime = Duration.seconds(15)

  /// What a viewer is sent: the same bytes for all.
  struct Edition: Sendable {
    var number = 0
    var body: [UInt8] = []
  }

  private struct State {
    var history = PoolHistory()
    var edition = Edition()
    var survey: PoolSummary.Survey?
    var lastLook: ContinuousClock.Instant?
    var viewerCount = 0
  }

  private let gatewayID: String
  private let scorers: ScorerClient
  private let connections: ConnectionTable
  private let health: HealthMonitor
  private let metrics: GatewayMetrics
  private let overview: PostgresOverview
  private let liveStatus: RedisLiveStatusStore
  private let logger: Logger
  private let state = Mutex(State())

  init(
    gatewayID: String, scorers: ScorerClient, connections: ConnectionTable,
    health: HealthMonitor, metrics: GatewayMetrics, overview: PostgresOverview,
    liveStatus: RedisLiveStatusStore, logger: Logger
  ) {
    self.gatewayID = gatewayID
    self.scorers = scorers
    self.connections = connections
    self.health = health
    self.metrics = metrics
    self.overview = overview
    self.liveStatus = liveStatus
    self.logger = logger
  }

  func run() async throws {
    await cancelWhenGracefulShutdown {
      await withTaskGroup(of: Void.self) { group in
        group.addTask { await self.keepEditions() }
        group.addTask { await self.keepSurveys() }
      }
    }
  }

  /// The newest edition. Whoever asks is looking.
  func look() -> Edition {
    let newest = state.withLock { state in
      state.lastLook = .now
      return state.edition
    }
    return newest.number > 0 ? newest : makeEdition()
  }

  /// What the charts begin with.
  func history() -> [UInt8] { PoolSummary.history(state.withLock { $0.history.points }) }

  // MARK: Viewers

  /// A place for one more live viewer; nil when all are taken. It is given back when it is let go of.
  func takePlace() -> ViewerPlace? {
    let isFree = state.withLock { state in
      if state.viewerCount == Self.viewerLimit { return false }
      state.viewerCount += 1
      return true
    }
    if isFree { return ViewerPlace(watch: self) }
    metrics.limitHit("viewers")
    return nil
  }

  fileprivate func giveBackPlace() { state.withLock { $0.viewerCount -= 1 } }

  // MARK: Editions

  private func keepEditions() async {
    while !Task.isCancelled {
      _ = makeEdition()
      try? await Task.sleep(for: Self.interval)
    }
  }

  private func makeEdition() -> Edition {
    let totals = metrics.totals()
    let stores = health.stores
    let (status, online) = (health.status, health.onlineMiners)
    let snapshots = scorers.snapshot()
    let furthest = snapshots.filter(\.isUsable).max { $0.applied < $1.applied }
    let webSocketCount = connections.count
    return state.withLock { state in
      let point = state.history.add(totals, online: online, at: .now)
      let summary = PoolSummary(
        gatewayID: gatewayID, status: status, isDatabaseUp: stores.databaseError == nil,
        isRedisUp: stores.redisError == nil, scorers: snapshots, furthest: furthest,
        webSocketCount: webSocketCount, totals: totals, point: point, survey: state.survey)
      state.edition = Edition(number: state.edition.number + 1, body: summary.body())
      return state.edition
    }
  }

  // MARK: Surveys

  private func keepSurveys() async {
    while !Task.isCancelled {
      var pause = Self.interval / 2
      if isWatched {
        let started = ContinuousClock.now
        do {
          let survey = try await survey()
          state.withLock { $0.survey = survey }
        } catch {
          // The page shows the last one, with its time.
          logger.debug("a survey of the pool failed", metadata: ["reason": "\(error)"])
        }
        pause = max(Self.surveyInterval, (.now - started) * Self.surveyShare)
      }
      try? await Task.sleep(for: pause)
    }
  }

  private var isWatched: Bool {
    guard let last = state.withLock({ $0.lastLook }) else { return false }
    return .now - last < Self.lookLifetime
  }

  private func survey() async throws -> PoolSummary.Survey {
    let now = Timestamp.now
    var survey = PoolSurvey()
    var cursor: MinerID?
    while true {
      let page = try await overview.survey(after: cursor, limit: Self.surveyPageLimit)
      let live = try await liveStatus.statuses(of: page.map(\.id))
      for miner in page {
        guard let status = live[miner.id], now < status.expiresAt else { continue }
        survey.add(gpuName: miner.gpuName, gpuCount: miner.gpuCount, price: miner.price)
      }
      if page.count < Self.surveyPageLimit { break }
      cursor = page.last?.id
    }
    return PoolSummary.Survey(at: now, minerCount: survey.minerCount, gpus: survey.gpus)
  }
}

/// One live viewer's place; letting go of it gives it back.
final class ViewerPlace: Sendable {
  private let watch: PoolWatch

  fileprivate init(watch: PoolWatch) { self.watch = watch }

  deinit { watch.giveBackPlace() }
}
