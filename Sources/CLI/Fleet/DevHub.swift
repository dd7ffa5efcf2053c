import FoundationEssentials
import Glibc

/// A whole hub on one machine: private stores, gateways, scorers, and mock miners where wanted, each in
/// a process of its own that is started again when it ends.
package actor DevHub {
  /// What the hub needs done by others.
  package struct Hooks: Sendable {
    /// Brings the database of this DSN up to date.
    package var migrate: @Sendable (String) async throws -> Void
    /// Puts into both stores, by DSN and URL, what is to be there before anybody reads them.
    package var fill: @Sendable (String, String) async throws -> Void = { _, _ in }
    /// Whether the gateway at this base URL serves, with this many usable scorers.
    package var isReady: @Sendable (String, Int) async -> Bool
    /// Told one plain line about what is happening.
    package var say: @Sendable (String) -> Void

    package init(
      migrate: @escaping @Sendable (String) async throws -> Void,
      isReady: @escaping @Sendable (String, Int) async -> Bool,
      say: @escaping @Sendable (String) -> Void
    ) {
      self.migrate = migrate
      self.isReady = isReady
      self.say = say
    }
  }

  private static let readinessLimit = Duration.seconds(120)
  /// A gateway says goodbye to its miners and a scorer finishes its batch well within this.
  private static let stopLimit = Duration.seconds(20)

  private let options: DevOptions
  private let hooks: Hooks
  private let executables: String
  private var lock: DirectoryLock?
  private var stores: [Supervisor] = []
  private var scorers: [Supervisor] = []
  private var gateways: [Supervisor] = []
  private var simulation: Supervisor?
  private var state = DevState()
  private var startedOnce: Set<String> = []
  private var logStarts: [String: Int] = [:]
  private var isReady = false
  package private(set) var isStopping = false
  private var startFailure: FleetError?

  /// - Parameter executables: the folder of `poolhub-gateway` and `poolhub-scorer`; nil: our own.
  package init(options: DevOptions, hooks: Hooks, executables: String? = nil) {
    self.options = options
    self.hooks = hooks
    self.executables = executables ?? OwnExecutable.directory
  }

  /// Starts everything and returns once every gateway serves and `dev.json` is written.
  ///
  /// - Throws: `FleetError` or what a hook threw; call `stop()` then, too.
  package func start() async throws -> DevState {
    try prepareDirectory()
    let ports = try choosePorts()
    let secrets = try DevSecrets.keptIn(options.directory)
    hooks.say("starting PostgreSQL and Redis in \(options.directory)")
    let (dsn, redisURL) = try await startStores()
    try checkStop()
    try await hooks.migrate(dsn)
    try await hooks.fill(dsn, redisURL)
    let plan = ServicePlan(
      options: options, secrets: secrets,
      surroundings: ServicePlan.Surroundings(
        environment: ProcessInfo.processInfo.environment, executables: executables,
        databaseDSN: dsn, redisURL: redisURL),
      ports: ports, scorerEndpoints: try chooseEndpoints())
    state = plan.state.with(processes: state.processes)
    hooks.say(
      "starting \(counted(options.gateways, "gateway")), \(counted(options.scorers, "scorer"))")
    for service in plan.gateways { gateways.append(try await launch(service)) }
    for service in plan.scorers { scorers.append(try await launch(service)) }
    try await waitUntilReady()
    isReady = true
    try writeState()
    if let service = plan.simulation { simulation = try await launch(service) }
    return state
  }

  /// Those that run at this moment.
  package var processes: [DevState.Process] { state.processes }

  /// Makes a `start` that is under way give up at its next step.
  package func requestStop() { isStopping = true }

  /// Ends everything, users before what they use. Not while `start` is under way: `requestStop` first.
  package func stop() async {
    isStopping = true
    // Without the lock the folder is another fleet's.
    if lock != nil { unlink(options.directory + "/" + DevState.fileName) }
    await simulation?.stop(within: Self.stopLimit)
    await stopAll(gateways)
    await stopAll(scorers)
    await stopAll(stores)
    lock = nil
  }

  private func stopAll(_ supervisors: [Supervisor]) async {
    await withTaskGroup { group in
      for supervisor in supervisors {
        group.addTask { await supervisor.stop(within: Self.stopLimit) }
      }
    }
  }

  // MARK: - Before anything runs

  private func prepareDirectory() throws(FleetError) {
    for part in ["", "/log", "/run"] {
      // PostgreSQL runs as another user when we are root, and passes through here.
      try PrivateFile.makeDirectory(options.directory + part, mode: 0o755)
    }
    lock = try DirectoryLock(options.directory)
    unlink(options.directory + "/" + DevState.fileName)
  }

  private func choosePorts() throws(FleetError) -> [Int] {
    var ports: [Int] = []
    for index in 0..<options.gateways {
      if options.port == 0 {
        ports.append(try FreePort.choose(excluding: Set(ports)))
      } else {
        let port = options.port + index
        if !FreePort.isFree(port) {
          throw FleetError("port \(port) on 127.0.0.1 is taken; choose another with --port")
        }
        ports.append(port)
      }
    }
    return ports
  }

  /// Sockets in the folder, or TCP where its name is too long for the path of a socket.
  private func chooseEndpoints() throws(FleetError) -> [String] {
    var endpoints: [String] = []
    for number in 1...options.gateways {
      let path = "\(options.directory)/run/gateway-\(number).sock"
      if path.utf8.count < 100 {
        endpoints.append("ipc://\(path)")
      } else {
        let taken = endpoints.compactMap { $0.split(separator: ":").last.flatMap { Int($0) } }
        endpoints.append("tcp://127.0.0.1:\(try FreePort.choose(excluding: Set(taken)))")
      }
    }
    return endpoints
  }

  // MARK: - Children

  private func startStores() async throws -> (dsn: String, redisURL: String) {
    let postgres = PrivatePostgres(directory: options.directory + "/postgres")
    let redis = PrivateRedis(directory: options.directory + "/redis")
    let supervisors = [
      supervisor("postgres") {
        try await postgres.start()
        return try StoreProcess(await postgres.child) { await postgres.stop() }
      },
      supervisor("redis") {
        try await redis.start()
        return try StoreProcess(await redis.child) { await redis.stop() }
      },
    ]
    for supervisor in supervisors {
      try checkStop()
      stores.append(supervisor)
      try await supervisor.start()
    }
    return (postgres.dsn, redis.url)
  }

  private func launch(_ service: ServicePlan.Service) async throws -> Supervisor {
    try checkStop()
    let log = logPath(service.name)
    logStarts[service.name] = LogTail.byteCount(of: log)
    let supervisor = supervisor(service.name) {
      try await ChildProcess.start(
        executable: service.executable, arguments: service.arguments,
        environment: service.environment, output: .file(log))
    }
    try await supervisor.start()
    return supervisor
  }

  private func supervisor(
    _ name: String, _ launch: @escaping Supervisor.Start
  ) -> Supervisor {
    Supervisor(name: name, launch: launch) { [weak self] name, event in
      await self?.note(event, of: name)
    }
  }

  private func note(_ event: Supervisor.Event, of name: String) {
    state.processes.removeAll { $0.name == name }
    switch event {
    case .started(let pid):
      if name != "simulation" {
        state.processes.append(DevState.Process(name: name, pid: pid))
        state.processes.sort { $0.name < $1.name }
      }
      if !startedOnce.insert(name).inserted && isReady {
        hooks.say("\(name) runs again, process \(pid)")
      }
    case .ended(let status, let delay):
      let what = "\(name) ended with status \(status)"
      if isReady {
        hooks.say("\(what); starting it again in \(delay.inSeconds) s")
      } else if !isStopping {
        startFailure = startFailure ?? FleetError(what + endOfLog(name))
      }
    case .notStarted(let reason, let delay):
      hooks.say("\(name) could not be started: \(reason); trying again in \(delay.inSeconds) s")
    }
    if isReady && !isStopping {
      do { try writeState() } catch { hooks.say("\(error)") }
    }
  }

  private func waitUntilReady() async throws {
    let clock = ContinuousClock()
    let deadline = clock.now + Self.readinessLimit
    for url in state.gateways {
      while !(await hooks.isReady(url, options.scorers)) {
        if let startFailure { throw startFailure }
        try checkStop()
        if clock.now > deadline {
          throw FleetError(
            "\(url) wasn't ready after \(Self.readinessLimit.inSeconds) s; see \(logPath("gateway-1"))"
          )
        }
        try await Task.sleep(for: .milliseconds(50))
      }
    }
    if let startFailure { throw startFailure }
  }

  private func checkStop() throws {
    if isStopping { throw CancellationError() }
  }

  private func writeState() throws(FleetError) { try state.write(to: options.directory) }

  private func logPath(_ name: String) -> String { "\(options.directory)/log/\(name).log" }

  private func endOfLog(_ name: String) -> String {
    let path = logPath(name)
    let lines = LogTail.lines(of: path, count: 10, from: logStarts[name] ?? 0)
    if lines.isEmpty { return " and nothing in \(path)" }
    return "; the end of \(path):\n" + lines.map { "  \($0)" }.joined(separator: "\n")
  }

  private func counted(_ count: Int, _ noun: String) -> String {
    "\(count) \(noun)\(count == 1 ? "" : "s")"
  }
}

extension DevState {
  fileprivate func with(processes: [Process]) -> DevState {
    var state = self
    state.processes = processes
    return state
  }
}

extension Duration {
  /// With at most one decimal.
  package var inSeconds: String {
    let tenths = Int((self / .milliseconds(100)).rounded())
    return tenths % 10 == 0 ? String(tenths / 10) : "\(tenths / 10).\(tenths % 10)"
  }
}
