import Fleet
import Glibc

/// Private stores, gateways and scorers, each process with links of its own to whatever it uses, and with
/// nobody who starts again what ends: that is the nemesis's business.
package actor ChaosFleet {
  /// How long whoever is told to end may take.
  private static let stopLimit = Duration.seconds(20)

  package nonisolated let gateways: [String]
  package nonisolated let scorers: [String]
  package nonisolated let inspector: Inspector
  package nonisolated let databaseDSN: String
  private let directory: String
  private let executables: String
  private let settings: [DevOptions.Setting]
  private let postgres: PrivatePostgres
  private let redis: PrivateRedis
  private var plan: ServicePlan?
  private var processes: [String: ChildProcess] = [:]
  private var links: [LinkName: Link] = [:]
  private var inspection: Task<Void, any Error>?

  /// What a link leads from and to.
  package struct LinkName: Hashable, Sendable {
    package var from: String
    package var to: String

    package init(from: String, to: String) {
      self.from = from
      self.to = to
    }
  }

  /// - Parameters:
  ///   - directory: an empty folder that others may pass through.
  ///   - executables: the folder of `poolhub-gateway` and `poolhub-scorer`.
  ///   - settings: for every gateway and scorer.
  package init(
    directory: String, executables: String, gateways: Int, scorers: Int,
    settings: [DevOptions.Setting]
  ) {
    self.directory = directory
    self.executables = executables
    self.settings = settings
    self.gateways = (1...gateways).map { "gateway-\($0)" }
    self.scorers = (1...scorers).map { "scorer-\($0)" }
    inspector = Inspector(endpoint: "ipc://\(directory)/inspector.sock")
    postgres = PrivatePostgres(directory: directory + "/postgres")
    redis = PrivateRedis(directory: directory + "/redis")
    databaseDSN = postgres.dsn
  }

  /// Starts everything.
  /// - Parameter migrate: brings the database of this DSN up to date.
  package func start(migrate: @Sendable (String) async throws -> Void) async throws {
    for folder in ["/log", "/link", "/run"] {
      try PrivateFile.makeDirectory(directory + folder, mode: 0o755)
    }
    inspection = Task { [inspector] in try await inspector.run() }
    try await postgres.start()
    try await redis.start()
    try await migrate(postgres.dsn)
    let plan = try makePlan()
    self.plan = plan
    for name in gateways { try await start(name) }
    for name in scorers { try await start(name) }
  }

  /// Ends everything, users before what they use.
  package func stop() async {
    for name in scorers + gateways + ["scorer-fresh"] {
      processes[name]?.terminate(signal: SIGCONT)
    }
    for child in [await redis.child, await postgres.child] { child?.terminate(signal: SIGCONT) }
    await withTaskGroup { group in
      for process in processes.values {
        group.addTask { await process.stop(within: Self.stopLimit) }
      }
    }
    inspector.stop()
    _ = await inspection?.result
    for link in links.values { await link.close() }
    await redis.stop()
    await postgres.stop()
  }

  // MARK: Where things are

  /// Base URLs, in the gateways' order.
  package var gatewayURLs: [String] { plan?.gatewayURLs ?? [] }
  package var coordinatorSecret: String { plan?.state.coordinatorSecret ?? "" }
  package nonisolated var redisURL: String { redis.url }

  package func log(of name: String) -> String { "\(directory)/log/\(name).log" }

  // MARK: Processes

  /// Starts a gateway or a scorer (any name but a gateway's is a scorer's), `redis` or `postgres`.
  package func start(_ name: String) async throws {
    switch name {
    case "redis": return try await redis.start()
    case "postgres": return try await postgres.start()
    default: break
    }
    let service = try await service(name)
    processes[name] = try await ChildProcess.start(
      executable: service.executable, arguments: service.arguments,
      environment: service.environment, output: .file(log(of: name)))
  }

  /// Sends a signal to it, if it runs.
  package func signal(_ name: String, _ signal: Int32) async {
    await process(name)?.terminate(signal: signal)
  }

  /// Sends a signal that ends it, and waits until it has.
  /// - Returns: false when it took too long and had to be killed.
  @discardableResult
  package func end(_ name: String, with signal: Int32) async -> Bool {
    guard let process = await process(name) else { return true }
    process.terminate(signal: signal)
    let patience = Task {
      try await Task.sleep(for: Self.stopLimit)
      return process.terminate(signal: SIGKILL)
    }
    _ = await process.waitForExit()
    patience.cancel()
    return (try? await patience.value) != true
  }

  /// The processes that have ended though nobody ended them, of these names.
  package func ended(of names: [String]) async -> [String] {
    var ended: [String] = []
    for name in names where await process(name)?.isRunning != true { ended.append(name) }
    return ended
  }

  private func process(_ name: String) async -> ChildProcess? {
    switch name {
    case "redis": await redis.child
    case "postgres": await postgres.child
    default: processes[name]
    }
  }

  // MARK: Links

  package func cut(_ names: [LinkName], _ cut: ChaosPlan.Cut) {
    for name in names { links[name]?.cut(cut) }
  }

  package func mend(_ names: [LinkName]) {
    for name in names { links[name]?.mend() }
  }

  /// The socket through which `from` reaches what listens at `target`.
  private func link(from: String, to: String, target: String, file: String) async throws -> String {
    let folder = "\(directory)/link/\(from)-\(to)"
    let path = "\(folder)/\(file)"
    let name = LinkName(from: from, to: to)
    if links[name] == nil {
      try PrivateFile.makeDirectory(folder, mode: 0o755)
      let link = Link(path: path, to: target)
      try await link.open()
      links[name] = link
    }
    return path
  }

  // MARK: What they are started with

  private func makePlan() throws -> ServicePlan {
    var options = DevOptions(directory: directory)
    options.gateways = gateways.count
    options.scorers = scorers.count
    options.settings = settings
    var ports: [Int] = []
    for _ in gateways { ports.append(try FreePort.choose(excluding: Set(ports))) }
    return ServicePlan(
      options: options, secrets: try DevSecrets.keptIn(directory),
      surroundings: ServicePlan.Surroundings(
        environment: ["PATH": "/usr/bin:/bin"], executables: executables,
        databaseDSN: postgres.dsn, redisURL: redis.url),
      ports: ports,
      scorerEndpoints: gateways.map { "ipc://\(directory)/run/\($0).sock" })
  }

  private func service(_ name: String) async throws -> ServicePlan.Service {
    guard let plan else { throw FleetError("the fleet has not been started") }
    let number = plan.gateways.firstIndex { $0.name == name }
    var service =
      number.map { plan.gateways[$0] } ?? plan.scorers.first { $0.name == name }
      ?? plan.scorers[0]
    service.environment.merge(try await addresses(for: name)) { $1 }
    if number == nil {
      service.environment["POOLHUB_SCORER_ID"] = name
      service.environment["POOLHUB_GATEWAYS"] = try await gatewayEndpoints(for: name)
    } else {
      // Found by its announcement, it would be reached past the links that are cut.
      service.environment["POOLHUB_SCORER_ADVERTISE"] = "none"
    }
    return service
  }

  private func addresses(for name: String) async throws -> [String: String] {
    let folder = postgres.dsn.split(separator: "'")[1]
    let database = try await link(
      from: name, to: "postgres", target: "\(folder)/.s.PGSQL.5432", file: ".s.PGSQL.5432")
    let cache = try await link(
      from: name, to: "redis", target: String(redis.url.dropFirst("unix://".count)),
      file: "redis.sock")
    return [
      "POOLHUB_DB_DSN": postgres.dsn.replacing(
        "'\(folder)'", with: "'\(database.dropLast("/.s.PGSQL.5432".count))'"),
      "POOLHUB_REDIS_URL": "unix://\(cache)",
    ]
  }

  /// The inspector's own, which is never cut; a scorer that isn't the fleet's has no other.
  private func gatewayEndpoints(for name: String) async throws -> String {
    var endpoints = ["ipc://\(directory)/inspector.sock"]
    guard scorers.contains(name) else { return endpoints[0] }
    for gateway in gateways {
      let path = try await link(
        from: name, to: gateway, target: "\(directory)/run/\(gateway).sock", file: "zmq.sock")
      endpoints.append("ipc://\(path)")
    }
    return endpoints.joined(separator: ",")
  }
}
