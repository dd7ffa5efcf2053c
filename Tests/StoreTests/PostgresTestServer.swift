import Fleet
import FoundationEssentials
import Glibc
import Postgres
import Synchronization

/// One PostgreSQL for the whole test process, gone with it; a fresh database for each test.
enum PostgresTestServer {
  /// Where the project's migrations are.
  static let migrations: String = {
    let parts = #filePath.split(separator: "/").dropLast(3)
    return "/" + parts.joined(separator: "/") + "/migrations"
  }()

  private static let started = Task { () throws -> PrivatePostgres in
    let server = try await startPrivate()
    try await withPool(dsn: server.dsn) { pool in
      try await pool.run { try $0.executeScript("CREATE DATABASE migrated") }
    }
    try await withPool(dsn: dsn("migrated", of: server)) { pool in
      _ = try await pool.run { try Migrations.apply(directory: migrations, on: &$0) }
    }
    return server
  }

  /// A connection string for a database that tests share who leave nothing in it.
  static func sharedDatabase() async throws -> String { try await started.value.dsn }

  /// A connection string for a new database, empty or with the schema.
  static func freshDatabase(migrated: Bool = true) async throws -> String {
    let server = try await started.value
    let name = "test_" + String(UInt64.random(in: .min ... .max), radix: 36)
    let template = migrated ? "migrated" : "template0"
    try await withPool(dsn: server.dsn) { pool in
      // Two copies of one template at once are refused: the template counts as in use.
      try await pool.run { connection in
        try connection.execute("SELECT pg_advisory_lock(1)")
        try connection.executeScript("CREATE DATABASE \(name) TEMPLATE \(template)")
        try connection.execute("SELECT pg_advisory_unlock(1)")
      }
    }
    return dsn(name, of: server)
  }

  /// Runs `body` with a pool on a fresh database.
  static func withFreshPool(
    sessions: Int = 4, migrated: Bool = true, _ body: (PostgresPool) async throws -> Void
  ) async throws {
    let dsn = try await freshDatabase(migrated: migrated)
    try await withPool(dsn: dsn, sessions: sessions, body)
  }

  static func withPool(
    dsn: String, sessions: Int = 1, _ body: (PostgresPool) async throws -> Void
  ) async throws {
    var configuration = PostgresPool.Configuration(dsn: dsn)
    configuration.sessionCount = sessions
    configuration.statementTimeout = .seconds(30)
    let pool = PostgresPool(configuration)
    do {
      try await body(pool)
      await pool.close()
    } catch {
      await pool.close()
      throw error
    }
  }

  /// A server of a test's own, to be stopped and killed.
  static func startPrivate() async throws -> PrivatePostgres {
    let directory = "/tmp/pht-" + String(UInt32.random(in: .min ... .max), radix: 36)
    let server = PrivatePostgres(directory: directory, fsync: false)
    Leftovers.add(directory: directory)
    try await server.start()
    return server
  }

  private static func dsn(_ database: String, of server: PrivatePostgres) -> String {
    // What comes later in a connection string wins.
    server.dsn + " dbname=\(database)"
  }
}

/// Folders to remove when the process exits; their servers get the death signal then.
private enum Leftovers {
  private static let directories = Mutex<[String]>([])

  static func add(directory: String) {
    let isFirst = directories.withLock { directories in
      directories.append(directory)
      return directories.count == 1
    }
    if isFirst { atexit { Leftovers.remove() } }
  }

  private static func remove() {
    for directory in directories.withLock({ $0 }) {
      let pidFile = FileManager.default.contents(atPath: directory + "/data/postmaster.pid")
      let pid = pidFile.map { String(decoding: $0, as: UTF8.self) }?.split(separator: "\n").first
      if let pid = pid.flatMap({ pid_t($0) }) { kill(pid, SIGKILL) }
      try? FileManager.default.removeItem(atPath: directory)
    }
  }
}
