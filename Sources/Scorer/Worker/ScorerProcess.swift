import Changes
import Domain
import Feedback
import FoundationEssentials
import Logging
import Messaging
import Postgres
import Redis
import ServiceLifecycle
import Settings
import Supervision
import Trust
import Wire

/// Wires a scorer together from its settings.
struct ScorerProcess {
  private let configuration: ScorerConfiguration
  private let files: [String]
  private let logger: Logger
  private var settings: ScorerSettings { configuration.settings }

  /// - Parameter files: where settings are read anew on a reload.
  init(_ configuration: ScorerConfiguration, files: [String], logger: Logger) {
    self.configuration = configuration
    self.files = files
    self.logger = logger
  }

  /// Runs until SIGTERM or SIGINT, then says goodbye, finishes what it has, and returns.
  func run() async throws {
    let common = settings.common
    let address = RedisAddress(try RedisURL(common.redisURL))
    let keys = RedisKeys(prefix: common.redisPrefix)
    var database = PostgresPool.Configuration(dsn: common.databaseDSN)
    database.sessionCount = common.databaseConnectionCount
    let pool = PostgresPool(database)
    let redis = RedisClient(address: address)
    let liveStatus = RedisLiveStatusStore(
      client: redis, keys: keys, timeToLiveSeconds: common.statusTimeToLiveSeconds)
    let outbox = PostgresOutbox(pool: pool)
    var writing = ChangeWriter.Options()
    writing.streamEntryCap = common.streamEntryLimit
    let writer = ChangeWriter(
      client: redis, keys: keys, liveStatus: liveStatus, outbox: outbox, options: writing,
      logger: logger)
    let inbox = IndexInbox()
    let feedbackStore = PostgresFeedbackStore(pool: pool, rule: trustRule) { trust in
      ChangeCodec.encode(trust.map { .trust($0, $1) })
    }
    let feedback = FeedbackDesk(
      store: feedbackStore, writer: writer, inbox: inbox, logger: logger)
    let follower = RegistryFollower(
      redis: address, keys: keys, delayMilliseconds: settings.streamDelayMilliseconds,
      miners: PostgresMinerStore(pool: pool), liveStatus: liveStatus, writer: writer,
      inbox: inbox, logger: logger)
    let index = IndexThread(
      options: indexOptions, inbox: inbox, feedback: feedback, logger: logger)
    let life = ServiceLife(
      process: ScorerLife(pulse: inbox.pulse), environment: ProcessInfo.processInfo.environment,
      logger: logger)
    let reload = ScorerReload(
      inbox: inbox, stores: StoreAddresses(pool: pool, redis: address), files: files,
      reader: configuration.reader)
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
          .init(service: Reloader(life: life, logger: logger) { try await reload.run() }),
          .init(service: life),
        ], gracefulShutdownSignals: [.sigterm, .sigint], logger: logger))
    try await group.run()
  }

  private var indexOptions: IndexThread.Options {
    IndexThread.Options(
      scorerID: settings.scorerID, gateways: settings.gateways, curve: configuration.curve,
      weights: settings.weights, newcomers: settings.newcomers,
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
