import Changes
import Domain
import GatewayHistory
import GatewayPolicy
import GatewayServices
import GatewayTransport
import Hummingbird
import Logging
import Messaging
import Metrics
import NIOCore
import NIOPosix
import Postgres
import Redis
import ScorerClient
import ServiceLifecycle
import Settings
import Telemetry

/// Wires a gateway together from its settings.
struct GatewayProcess {
  /// For the stores, scorers and callers over HTTP.
  private static let filesKeptFree = 1_000
  private static let mostHTTPConnections = 4_096
  private static let leastHTTPConnections = 64

  private let settings: GatewaySettings
  private let catalogue: ServiceCatalogue
  private let curve: Curve?
  private let identity: TLSIdentity?
  private let logger: Logger

  init(
    settings: GatewaySettings, catalogue: ServiceCatalogue, curve: Curve?,
    identity: TLSIdentity?, logger: Logger
  ) {
    self.settings = settings
    self.catalogue = catalogue
    self.curve = curve
    self.identity = identity
    self.logger = logger
  }

  /// Runs until SIGTERM or SIGINT, then stops accepting, finishes what it has, and returns.
  func run() async throws {
    let url = try RedisURL(settings.common.redisURL)
    let keys = RedisKeys(prefix: settings.common.redisPrefix)
    let pool = PostgresPool(databaseConfiguration)
    let redis = RedisClient(url: url)
    let outbox = PostgresOutbox(pool: pool)
    let apiKeys = APIKeyCache(miners: PostgresMinerStore(pool: pool))
    let gateway = gateway(pool: pool, redis: redis, keys: keys, outbox: outbox, apiKeys: apiKeys)
    let follower = FleetFollower(
      url: url, keys: keys, store: gateway.revocationStore, revocations: gateway.revocations,
      connections: gateway.connections, apiKeys: apiKeys, gatewayID: settings.gatewayID,
      sessionSeconds: settings.sessionSeconds, logger: logger)
    let archiver = StatusArchiver(
      live: gateway.liveStatus, store: gateway.lastKnown, name: settings.gatewayID,
      options: StatusArchiver.Options(perSecond: settings.statusArchivePerSecond),
      logger: logger)
    gateway.metrics.observe(archiver)
    let sweeper = StaleStateSweeper(
      liveStatus: gateway.liveStatus, revocations: gateway.revocationStore,
      options: StaleStateSweeper.Options(
        graceMilliseconds: Int64(settings.common.statusTimeToLiveSeconds) * 1_000),
      now: { .now })
    // Stopped in reverse: first the announcement, then the HTTP server, then what its requests need.
    let group = ServiceGroup(
      configuration: ServiceGroupConfiguration(
        services: [
          gateway.writer, OutboxSweeper(outbox: outbox, writer: gateway.writer, logger: logger),
          settler(gateway), gateway.history, sweeper, archiver, follower, gateway.keys,
          gateway.scorers,
          gateway.health,
          gateway.watch, ServedWhenReady(scorers: gateway.scorers, server: server(gateway)),
          gateway.announcer,
        ] + tlsReloader(gateway), gracefulShutdownSignals: [.sigterm, .sigint], logger: logger))
    try await group.run()
  }

  private func gateway(
    pool: PostgresPool, redis: RedisClient, keys: RedisKeys, outbox: PostgresOutbox,
    apiKeys: APIKeyCache
  ) -> Gateway {
    let liveStatus = RedisLiveStatusStore(
      client: redis, keys: keys, timeToLiveSeconds: settings.common.statusTimeToLiveSeconds)
    let writer = ChangeWriter(
      client: redis, keys: keys, liveStatus: liveStatus, outbox: outbox, options: writing,
      logger: logger)
    let scorers = ScorerClient(configuration: dispatching, logger: logger)
    let tokens = SessionTokens(
      keys: settings.signingKeys.map { ($0.id, $0.secret) },
      lifetimeSeconds: settings.sessionSeconds)
    let offers = Offers(
      secrets: settings.offerKeys.map { ($0.id, $0.secret) },
      lifetimeSeconds: settings.offerSeconds)
    let lastKnown = PostgresStatusStore(pool: pool)
    let revocations = Revocations()
    let connections = ConnectionTable()
    let registry = PrometheusRegistry()
    MetricsSystem.bootstrap(registry)
    ProcessMetrics.install(in: registry, process: "poolhub-gateway", version: Version.current)
    let metrics = GatewayMetrics(registry: registry)
    let peers = PeerTable()
    let history = MatchHistory(
      store: PostgresMatchStore(pool: pool), options: keeping, now: { .now }, logger: logger)
    metrics.observe(
      scorers: scorers, writer: writer, connections: connections, history: history)
    metrics.observe(pool: pool, redis: redis)
    let announcer = GatewayAnnouncer(
      settings: settings, store: RedisGatewayStore(client: redis, keys: keys), scorers: scorers,
      logger: logger)
    let health = HealthMonitor(
      pool: pool, writer: writer, scorers: scorers, announcer: announcer, settings: settings,
      logger: logger)
    metrics.observe(health)
    let overview = PostgresOverview(pool: pool)
    let coordinators = CoordinatorTable(
      configured: SecretTable(settings.coordinators.map { ($0.name, $0.secret) }))
    return Gateway(
      settings: settings, logger: logger,
      callers: Callers(
        coordinators: coordinators,
        administrator: SecretTable([("operator", settings.adminSecret)]), tokens: tokens,
        revocations: revocations, apiKeys: apiKeys),
      addresses: ClientAddresses(settings.access, peers: peers, registry: registry),
      registry: registry, limits: RateLimits(settings.limits, registry: registry),
      limitStore: RedisRateLimitStore(client: redis, keys: keys),
      tokens: tokens, offers: offers, revocations: revocations,
      miners: PostgresMinerStore(pool: pool),
      keys: KeyDesk(
        store: PostgresKeyStore(pool: pool), coordinators: coordinators, revocations: revocations,
        connections: connections, apiKeys: apiKeys, sessionSeconds: settings.sessionSeconds,
        logger: logger),
      audit: PostgresAuditLog(pool: pool), services: PostgresServiceStore(pool: pool),
      catalogue: catalogue, history: history,
      liveStatus: liveStatus, lastKnown: lastKnown,
      revocationStore: RedisRevocationStore(
        client: redis, keys: keys, sessionSeconds: settings.sessionSeconds),
      writer: writer, scorers: scorers, announcer: announcer, acknowledged: AcknowledgedChanges(),
      connections: connections, webSocketLimit: webSocketLimit,
      httpConnectionLimit: httpConnectionLimit, health: health, metrics: metrics,
      overview: overview,
      watch: PoolWatch(
        gatewayID: settings.gatewayID, scorers: scorers, connections: connections,
        health: health, metrics: metrics, overview: overview, liveStatus: liveStatus,
        logger: logger))
  }

  private func tlsReloader(_ gateway: Gateway) -> [any Service] {
    guard let identity else { return [] }
    return [TLSReloader(identity: identity, registry: gateway.registry, logger: logger)]
  }

  private func settler(_ gateway: Gateway) -> RateLimitSettler {
    RateLimitSettler(
      limits: gateway.limits, store: gateway.limitStore, announcer: gateway.announcer,
      logger: logger)
  }

  private func server(_ gateway: Gateway) -> some Service {
    var routes = RouteList()
    MinerRoutes(gateway: gateway).add(to: &routes)
    MatchRoutes(gateway: gateway).add(to: &routes)
    HistoryRoutes(gateway: gateway).add(to: &routes)
    ServiceRoutes(gateway: gateway).add(to: &routes)
    OperatorRoutes(gateway: gateway).add(to: &routes)
    KeyRoutes(gateway: gateway).add(to: &routes)
    AuditRoutes(gateway: gateway).add(to: &routes)
    OperationsRoutes(gateway: gateway).add(to: &routes)
    PoolRoutes(gateway: gateway).add(to: &routes)
    PageRoutes().add(to: &routes)
    let router = Router(context: GatewayContext.self)
    let envelope = RequestEnvelope(
      paths: routes.paths, metrics: gateway.metrics, addresses: gateway.addresses,
      signIns: SignIns(limits: gateway.limits), logger: logger)
    router.add(middleware: envelope)
    routes.register(on: router, addresses: gateway.addresses)
    let logger = logger
    let loops = MultiThreadedEventLoopGroup.singleton
    return Application(
      responder: router.buildResponder(),
      server: HeartbeatUpgrade(
        desk: HeartbeatDesk(gateway: gateway, loops: loops),
        opening: ConnectionOpening(
          settings: settings.access, identity: identity, peers: gateway.addresses.peers,
          registry: gateway.registry)
      ).server(
        directly: DirectMatch(gateway: gateway, envelope: envelope, loops: loops)),
      configuration: ApplicationConfiguration(
        address: .hostname(settings.bindAddress, port: settings.port)),
      onServerRunning: { channel in
        logger.notice(
          "listening",
          metadata: ["address": "\(channel.localAddress?.hostAndPort ?? "unknown")"])
      },
      eventLoopGroupProvider: .shared(loops), logger: logger)
  }

  /// As set, or as many as the limit on open files bears, with some left for everything else.
  private var webSocketLimit: Int {
    if settings.webSocketLimit > 0 { return settings.webSocketLimit }
    return openFileLimit - min(openFileLimit / 4, Self.filesKeptFree)
  }

  /// As set, or an eighth of what the limit on open files bears; less where WebSockets hold the rest.
  private var httpConnectionLimit: @Sendable (Int) -> Int {
    if settings.httpConnectionLimit > 0 { return { [settings] _ in settings.httpConnectionLimit } }
    let most = min(openFileLimit / 8, Self.mostHTTPConnections)
    let free = openFileLimit - Self.filesKeptFree
    return { webSocketCount in max(min(most, free - webSocketCount), Self.leastHTTPConnections) }
  }

  private var openFileLimit: Int {
    ProcessMetrics.openFileLimit().map { Int(clamping: $0) } ?? 1_024
  }

  private var databaseConfiguration: PostgresPool.Configuration {
    var configuration = PostgresPool.Configuration(dsn: settings.common.databaseDSN)
    configuration.sessionCount = settings.common.databaseConnectionCount
    return configuration
  }

  private var writing: ChangeWriter.Options {
    var options = ChangeWriter.Options()
    options.flushIntervalMilliseconds = settings.heartbeatFlushMilliseconds
    options.streamEntryCap = settings.common.streamEntryLimit
    return options
  }

  private var keeping: MatchHistory.Options {
    var options = MatchHistory.Options()
    options.days = settings.matchHistoryDays
    options.perSecond = settings.matchHistoryPerSecond
    return options
  }

  private var dispatching: ScorerClient.Configuration {
    var configuration = ScorerClient.Configuration(
      endpoint: settings.scorerBind, gatewayID: settings.gatewayID)
    configuration.options.curve = curve
    configuration.limits.inFlightLimit = settings.inFlightLimit
    configuration.limits.queueLimit = settings.queueLimit
    configuration.limits.hedgeMicroseconds = Int64(settings.hedgeMilliseconds) * 1_000
    return configuration
  }
}

extension SocketAddress {
  /// As it stands in a URL: an IPv6 address in brackets.
  fileprivate var hostAndPort: String? {
    guard let ipAddress, let port else { return nil }
    return ipAddress.contains(":") ? "[\(ipAddress)]:\(port)" : "\(ipAddress):\(port)"
  }
}
