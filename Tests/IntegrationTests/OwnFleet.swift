import Fleet
import Foundation
import Glibc
import JSON
import Postgres
import Redis
import Settings
import Simulation
import Synchronization
import TestSupport
import Testing

/// Gateways and scorers that a test starts one by one, with settings of their own, on private stores that it
/// can also reach in other ways. Between them and the stores stand proxies.
final class OwnFleet: Sendable {
  static let coordinatorSecret = "a-coordinator-of-the-tests"
  static let adminSecret = "an-operator-of-the-tests"

  let folder: TestFolder
  let postgres: PrivatePostgres
  let redis: PrivateRedis
  let database: StoreProxy
  let cache: StoreProxy
  private let processes = Mutex<[(name: String, child: ChildProcess)]>([])

  /// Starts the stores, gives the fleet to `body`, and ends all that was started.
  static func with(_ body: (OwnFleet) async throws -> Void) async throws {
    let fleet = try await OwnFleet()
    do {
      try await body(fleet)
    } catch {
      print(fleet.logs())
      await fleet.stop()
      throw error
    }
    await fleet.stop()
  }

  private init() async throws {
    folder = try TestFolder()
    postgres = PrivatePostgres(directory: folder.path + "/pg", fsync: false)
    redis = PrivateRedis(directory: folder.path + "/redis", keepsData: false)
    try await postgres.start()
    try await redis.start()
    database = try await StoreProxy(to: folder.path + "/pg/.s.PGSQL.5432")
    cache = try await StoreProxy(to: folder.path + "/redis/redis.sock")
    let pool = PostgresPool(dsn: postgres.dsn)
    let migrations = PythonRun.root + "/migrations"
    _ = try await pool.run { try Migrations.apply(directory: migrations, on: &$0) }
    await pool.close()
  }

  private func stop() async {
    for (_, child) in processes.withLock({ $0 }) {
      child.terminate(signal: SIGCONT)
      child.terminate(signal: SIGTERM)
    }
    for (_, child) in processes.withLock({ $0 }) { _ = await child.waitForExit() }
    await database.close()
    await cache.close()
    await redis.stop()
    await postgres.stop()
    folder.remove()
  }

  /// What all processes are told, if nothing else is said.
  var environment: [String: String] {
    [
      "PATH": "/usr/bin:/bin", "POOLHUB_LEASE_TTL_SEC": "2",
      "POOLHUB_DB_DSN": "host=127.0.0.1 port=\(database.port) user=poolhub dbname=poolhub",
      "POOLHUB_REDIS_URL": "redis://127.0.0.1:\(cache.port)",
      "POOLHUB_COORDINATOR_SECRETS": "tests:\(Self.coordinatorSecret)",
      "POOLHUB_ADMIN_SECRET": Self.adminSecret,
      "POOLHUB_SESSION_SIGNING_KEYS": "k1:MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=",
    ].merging(LimitSettings.keys.map { ($0, "none") }) { $1 }
  }

  /// Where the gateway of this number meets its scorers, if nothing else is said.
  func link(_ number: Int = 1) -> String { "ipc://\(folder.path)/link-\(number)" }

  /// Starts a gateway and waits until it serves; stores and scorers may be away. Where a scorer is, it
  /// serves at once, otherwise after three seconds: so start scorers first, if that makes no difference.
  @discardableResult
  func startGateway(
    _ number: Int = 1, host: String = "127.0.0.1", _ changes: [String: String] = [:],
    _ launch: Launch = Launch()
  ) async throws -> HubClient {
    let port = try launch.port ?? FreePort.choose()
    let own = [
      "POOLHUB_BIND": host, "POOLHUB_PORT": "\(port)", "POOLHUB_GATEWAY_ID": "gateway-\(number)",
      "POOLHUB_SCORER_BIND": link(number),
    ]
    try await start(
      "poolhub-gateway", "gateway-\(number)", own.merging(changes) { $1 }, launch)
    let shown = host.contains(":") ? "[\(host)]" : host
    let client = HubClient(
      url: "http://\(shown):\(port)", coordinatorSecret: Self.coordinatorSecret,
      adminSecret: Self.adminSecret)
    await eventually("gateway-\(number) serves") {
      (try? await client.request("GET", "/v1/live"))?.status == 200
    }
    return client
  }

  @discardableResult
  func startScorer(
    _ number: Int = 1, _ changes: [String: String] = [:], _ launch: Launch = Launch()
  ) async throws -> ChildProcess {
    let own = ["POOLHUB_SCORER_ID": "scorer-\(number)", "POOLHUB_GATEWAYS": link()]
    return try await start(
      "poolhub-scorer", "scorer-\(number)", own.merging(changes) { $1 }, launch)
  }

  /// How a program is started, where it isn't by itself and with all settings in its environment.
  struct Launch {
    /// Settings that don't stand in its environment.
    var without: Set<String> = []
    var arguments: [String] = []
    /// A program that starts it, given its own arguments before those of the program.
    var by: [String] = []
    /// Where a gateway serves; nil: anywhere.
    var port: Int?
  }

  @discardableResult
  private func start(
    _ program: String, _ name: String, _ own: [String: String], _ launch: Launch
  ) async throws -> ChildProcess {
    let command = launch.by + [Binaries.path(program)] + launch.arguments
    let child = try await ChildProcess.start(
      executable: command[0], arguments: Array(command.dropFirst()),
      environment: environment.merging(own) { $1 }.filter { !launch.without.contains($0.key) },
      output: .file("\(folder.path)/\(name).log"), workingDirectory: folder.path)
    processes.withLock { $0.append((name, child)) }
    return child
  }

  func process(_ name: String) throws -> ChildProcess {
    try #require(processes.withLock { $0.last { $0.name == name }?.child })
  }

  func log(_ name: String) -> String {
    (try? String(contentsOfFile: "\(folder.path)/\(name).log", encoding: .utf8)) ?? ""
  }

  private func logs() -> String {
    processes.withLock { Set($0.map(\.name)) }.sorted()
      .map { "--- \($0)\n\(log($0).suffix(3_000))" }.joined(separator: "\n")
  }

  /// Straight to Redis, by no proxy.
  func command(_ words: String...) async throws -> RedisReply {
    var command = RedisCommand()
    for word in words { command.append(word) }
    return try await RedisClient(url: RedisURL(redis.url)).send(command)
  }
}

extension HubClient {
  /// Waits until the gateway's health says so.
  func waitForHealth(
    _ status: String, scorers: Int? = nil, within timeout: Duration = .seconds(20),
    sourceLocation: SourceLocation = #_sourceLocation
  ) async throws {
    let what = scorers.map { "\(status) with \($0) scorers" } ?? status
    await eventually("health is \(what)", within: timeout, sourceLocation: sourceLocation) {
      guard let health = try? await health().json else { return false }
      return health["status"]?.string == status
        && (scorers == nil || health["scorers"]?.int == scorers)
    }
  }

  /// A metric's value, summed over its series that hold `labels`.
  func metric(_ name: String, _ labels: String = "") async throws -> Double {
    try await request("GET", "/v1/metrics").text.split(separator: "\n")
      .filter { line in
        (line.hasPrefix(name + "{") || line.hasPrefix(name + " "))
          && (labels.isEmpty || line.contains(labels))
      }
      .compactMap { $0.split(separator: " ").last.flatMap { Double($0) } }.reduce(0, +)
  }
}
