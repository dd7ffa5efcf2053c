import Changes
import Domain
import Feedback
import Logging
import Messaging
import Postgres
import Redis
import ServiceLifecycle
import Settings
import Trust
import Wire

/// Wires a scorer together from its settings.
struct ScorerProcess {
  private let settings: ScorerSettings
  private let curve: Curve?
  private let logger: Logger

  init(settings: ScorerSettings, curve: Curve?, logger: Logger) {
    self.settings = settings
    self.curve = curve
    self.logger = logger
  }

  /// Runs until SIGTERM or SIGINT, then says goodbye, finishes what it has, and returns.
  func run() async throws {
    let common = settings.common
    let url = try RedisURL(common.redisURL)
    let keys = RedisKeys(prefix: common.redisPrefix)
    var database = PostgresPool.Configuration(dsn: common.databaseDSN)
    database.sessionCount = common.databaseConnectionCount
    let pool = PostgresPool(database)
    let redis = RedisClient(url: url)
    let liveStatus = RedisLiveStatusStore(
      client: redis, keys: keys, timeToLiveSeconds: common.statusTimeToLiveSeconds)
    let outbox = PostgresOutbox(pool: pool)
    var writing = ChangeWriter.Options()
    writing.streamEntryCap = common.streamEntryLimit
    let writer = ChangeWriter(
      client: redis, keys: keys, liveStatus: liveStatus, outbox: outbox, options: writing,
      logger: logger)
    let inbox = IndexInbox()
    let feedbackStore = PostgresFeedbackStore(pool: pool, rule: trustRule) { id, trust in
      ChangeCodec.encode([.trust(id, trust)])
    }
    let feedback = FeedbackDesk(
      store: feedbackStore, writer: writer, inbox: inbox, logger: logger)
    let follower = RegistryFollower(
      url: url, keys: keys, delayMilliseconds: settings.streamDelayMilliseconds,
      miners: PostgresMinerStore(pool: pool), liveStatus: liveStatus, writer: writer,
      inbox: inbox, logger: logger)
    let index = IndexThread(
      options: indexOptions, inbox: inbox, feedback: feedback, logger: logger)
    let group = ServiceGroup(
      configuration: ServiceGroupConfiguration(
        services: [
          .init(service: writer),
          .init(service: OutboxSweeper(outbox: outbox, writer: writer, logger: logger)),
          .init(service: IdempotencyKeySweeper(store: feedbackStore)),
          .init(service: follower),
          .init(
            service: GatewayFinder(
              store: RedisGatewayStore(client: redis, keys: keys), inbox: inbox)),
          .init(service: index, successTerminationBehavior: .gracefullyShutdownGroup),
        ], gracefulShutdownSignals: [.sigterm, .sigint], logger: logger))
    try await group.run()
  }

  private var indexOptions: IndexThread.Options {
    IndexThread.Options(
      scorerID: settings.scorerID, gateways: settings.gateways, curve: curve,
      weights: settings.weights,
      newcomers: NewcomerPolicy(minTrust: settings.minTrust, share: settings.explorationShare),
      spreadMilliseconds: settings.spreadMilliseconds,
      graceMilliseconds: Int64(settings.common.heartbeatGraceSeconds) * 1_000,
      registryTrustMilliseconds: Int64(settings.common.registryTrustSeconds) * 1_000,
      auditShare: settings.auditShare)
  }

  private var trustRule: TrustRule {
    var rule = TrustRule()
    rule.priorGood = settings.trustPrior
    rule.priorBad = settings.trustPrior
    rule.halfLifeMilliseconds = settings.trustHalfLifeDays * 86_400_000
    rule.pairCap = settings.trustPairCap
    rule.completedWeight = settings.trustWeights.completed
    rule.failedWeight = settings.trustWeights.failed
    rule.rejectedWeight = settings.trustWeights.rejected
    rule.unprovenShare = settings.trustUnproven
    rule.goodPerPairDay = settings.trustPairDay.good
    rule.badPerPairDay = settings.trustPairDay.bad
    rule.coordinatorDay = settings.trustCoordinatorDay
    return rule
  }
}
