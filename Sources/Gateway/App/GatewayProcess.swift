import Changes
import Domain
import Foundation
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
import OnePort
import Postgres
import Redis
import ScorerClient
import ServiceLifecycle
import Settings
import Supervision
import Telemetry

/// Wires a gateway together from its settings.
struct GatewayProcess {
  /// For the stores, scorers and callers over HTTP.
  private static let filesKeptFree = 1_000
  private static let mostHTTPConnections = 4_096
  private static let leastHTTPConnections = 64

  private let configuration: GatewayConfiguration
  private let files: [String]
  private let sockets: [HandedSocket]
  private let logger: Logger
  private var settings: GatewaySettings { configuration.settings }

  /// - Parameters:
  ///   - files: where settings are read anew on a reload.
  ///   - sockets: where HTTP is served in place of the settings' address, unless there are none.
  init(
    _ configuration: GatewayConfiguration, files: [String], sockets: [HandedSocket],
    logger: Logger
  ) {
    self.configuration = configuration
    self.files = files
    self.sockets = sockets
    self.logger = logger
  }

  /// Runs until SIGTERM or SIGINT, then stops accepting, finishes what it has, and returns.
  func run() async throws {
    let address = RedisAddress(try RedisURL(settings.common.redisURL))
    let keys = RedisKeys(prefix: settings.common.redisPrefix)
    let pool = PostgresPool(databaseConfiguration)
    let redis = RedisClient(address: address)
    let outbox = PostgresOutbox(pool: pool)
    let apiKeys = APIKeyCache(miners: PostgresMinerStore(pool: pool))
    let gateway = gateway(pool: pool, redis: redis, keys: keys, outbox: outbox, apiKeys: apiKeys)
    let follower = FleetFollower(
      redis: address, keys: keys, store: gateway.revocationStore, revocations: gateway.revocations,
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
    let served = ServedWhenReady(scorers: gateway.scorers, server: server(gateway))
    let life = ServiceLife(
      process: GatewayLife(gateway: gateway, served: served.isServing),
      environment: ProcessInfo.processInfo.environment, logger: logger)
    let tls = tlsReloader(gateway)
    // Stopped in reverse: first the announcement, then the HTTP server, then what its requests need.
    let group = ServiceGroup(
      configuration: ServiceGroupConfiguration(
        services: [
          gateway.writer, OutboxSweeper(outbox: outbox, writer: gateway.writer, logger: logger),
          settler(gateway), gateway.history, sweeper, archiver, follower, gateway.keys,
          gateway.scorers,
          gateway.health,
          gateway.watch, served, gateway.announcer,
        ] + (tls.map { [$0] } ?? []) + [
          reloader(gateway, tls, StoreAddresses(pool: pool, redis: address), life), life,
        ],
        gracefulShutdownSignals: [.sigterm, .sigint], logger: logger))
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
    let secrets = GatewaySecrets(settings.secrets)
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
    let coordinators = CoordinatorTable(configured: settings.coordinatorTable)
    return Gateway(
      settings: settings, logger: logger,
      callers: Callers(
        coordinators: coordinators, secrets: secrets, revocations: revocations, apiKeys: apiKeys),
      addresses: ClientAddresses(settings.access, peers: peers, registry: registry),
      registry: registry, limits: RateLimits(settings.limits, registry: registry),
      limitStore: RedisRateLimitStore(client: redis, keys: keys),
      secrets: secrets, revocations: revocations,
      miners: PostgresMinerStore(pool: pool),
      keys: KeyDesk(
        store: PostgresKeyStore(pool: pool), coordinators: coordinators, revocations: revocations,
        connections: connections, apiKeys: apiKeys, sessionSeconds: settings.sessionSeconds,
        logger: logger),
      audit: PostgresAuditLog(pool: pool), services: PostgresServiceStore(pool: pool),
      catalogue: configuration.catalogue, history: history,
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

  private func tlsReloader(_ gateway: Gateway) -> TLSReloader? {
    guard let identity = configuration.identity, let tls = settings.tls else { return nil }
    return TLSReloader(
      identity: identity, settings: tls, registry: gateway.registry, logger: logger)
  }

  private func reloader(
    _ gateway: Gateway, _ tls: TLSReloader?, _ stores: StoreAddresses, _ life: ServiceLife
  ) -> Reloader {
    let reload = GatewayReload(
      gateway: gateway, tls: tls, stores: stores, files: files, reader: configuration.reader)
    return Reloader(life: life, logger: logger) { try await reload.run() }
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
      signIns: SignIns(limits: gateway.limits, metrics: gateway.metrics), logger: logger)
    router.add(middleware: envelope)
    routes.register(on: router, addresses: gateway.addresses)
    let loops = MultiThreadedEventLoopGroup.singleton
    return HeartbeatUpgrade(
      desk: HeartbeatDesk(gateway: gateway, loops: loops),
      opening: ConnectionOpening(
        addresses: gateway.addresses, identity: configuration.identity,
        registry: gateway.registry)
    ).server(
      at: place, responder: router.buildResponder(),
      directly: DirectCalls(gateway: gateway, envelope: envelope, loops: loops), loops: loops
    ) { [logger] address in
      logger.notice("listening", metadata: ["address": "\(address?.hostAndPort ?? "unknown")"])
    }
  }

  private var place: PortPlace {
    sockets.isEmpty
      ? .address(host: settings.bindAddress, port: settings.port)
      : .sockets(sockets.map(\.descriptor))
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
    options.perDay = settings.matchHistoryPerDay
    return options
  }

  private var dispatching: ScorerClient.Configuration {
    var configuration = ScorerClient.Configuration(
      endpoint: settings.scorerBind, gatewayID: settings.gatewayID)
    configuration.options.curve = self.configuration.curve
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
