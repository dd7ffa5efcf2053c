import Fleet
import Foundation
import Glibc
import Postgres
import TestSupport
import Testing

/// A Redis and a PostgreSQL as on another host: on [::1], with passwords and TLS by a self-made
/// certificate. Before Redis stands stunnel, as README.md shows it.
final class FarStores: Sendable {
  let postgres: PrivatePostgres
  let redisURL: String
  let plainRedisURL: String
  let databaseDSN: String
  /// Settings with which a store must not be reached: another certificate, no TLS, another password.
  let wrong: [[String: String]]
  private let children: [ChildProcess]

  private init(
    postgres: PrivatePostgres, redisURL: String, plainRedisURL: String, databaseDSN: String,
    wrong: [[String: String]], children: [ChildProcess]
  ) {
    self.postgres = postgres
    self.redisURL = redisURL
    self.plainRedisURL = plainRedisURL
    self.databaseDSN = databaseDSN
    self.wrong = wrong
    self.children = children
  }

  static func start(in folder: String) async throws -> FarStores {
    for name in ["own", "other"] { try await makeCertificate(name, in: folder) }
    var ports: [Int] = []
    for _ in 0..<5 { ports.append(try FreePort.choose(excluding: Set(ports))) }
    let postgres = try await startPostgres(in: folder, port: ports[0])
    let redis = try await ChildProcess.start(
      executable: "/usr/bin/redis-server",
      arguments: [
        "--port", "\(ports[1])", "--tls-port", "\(ports[2])", "--bind", "::1", "--save", "",
        "--requirepass", "hush-redis", "--tls-cert-file", "\(folder)/own.pem", "--tls-key-file",
        "\(folder)/own.key", "--tls-auth-clients", "no", "--dir", folder,
      ], output: .file("\(folder)/redis.log"))
    var children = [redis]
    for (name, port) in [("own", ports[3]), ("other", ports[4])] {
      children.append(
        try await startTunnel(in: folder, certificate: name, from: port, to: ports[2]))
    }
    func dsn(_ password: String, _ rest: String) -> String {
      "postgresql://poolhub:\(password)@[::1]:\(ports[0])/poolhub?\(rest)"
    }
    let good = "sslmode=verify-full&sslrootcert=\(folder)/own.pem"
    return FarStores(
      postgres: postgres, redisURL: "redis://:hush-redis@127.0.0.1:\(ports[3])",
      plainRedisURL: "redis://:hush-redis@[::1]:\(ports[1])/0",
      databaseDSN: dsn("hush-postgres", good),
      wrong: [
        [
          "POOLHUB_DB_DSN": dsn(
            "hush-postgres", "sslmode=verify-full&sslrootcert=\(folder)/other.pem")
        ],
        ["POOLHUB_DB_DSN": dsn("hush-postgres", "sslmode=disable")],
        ["POOLHUB_DB_DSN": dsn("hush-other", good)],
        ["POOLHUB_REDIS_URL": "redis://:hush-redis@127.0.0.1:\(ports[4])"],
        ["POOLHUB_REDIS_URL": "redis://:hush-other@127.0.0.1:\(ports[3])"],
      ], children: children)
  }

  func stop() async {
    for child in children { child.terminate(signal: SIGTERM) }
    for child in children { _ = await child.waitForExit() }
    await postgres.stop()
  }

  private static func makeCertificate(_ name: String, in folder: String) async throws {
    let made = try await ProgramRun.tool(
      "/usr/bin/openssl",
      [
        "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=\(name)",
        "-addext", "subjectAltName=IP:::1", "-keyout", "\(folder)/\(name).key", "-out",
        "\(folder)/\(name).pem",
      ])
    try #require(made.status == 0, "\(made.output)")
  }

  private static func startPostgres(in folder: String, port: Int) async throws -> PrivatePostgres {
    // PostgreSQL takes no key that others could read, and may not run as we do.
    let key = "\(folder)/postgres.key"
    try FileManager.default.copyItem(atPath: "\(folder)/own.key", toPath: key)
    chmod(key, 0o600)
    if getuid() == 0 {
      #expect(try await ProgramRun.tool("/bin/chown", ["postgres", key]).status == 0)
    }
    let postgres = PrivatePostgres(
      directory: "\(folder)/pg", fsync: false, port: port,
      parameters: [
        "listen_addresses=::1", "ssl=on", "ssl_cert_file=\(folder)/own.pem", "ssl_key_file=\(key)",
      ])
    try await postgres.start()
    let pool = PostgresPool(dsn: postgres.dsn)
    _ = try await pool.run {
      try Migrations.apply(directory: PythonRun.root + "/migrations", on: &$0)
    }
    try await pool.run { connection in
      _ = try connection.execute("ALTER ROLE poolhub PASSWORD 'hush-postgres'")
    }
    try "local all all trust\nhostssl all all ::1/128 scram-sha-256\n"
      .write(toFile: "\(folder)/pg/data/pg_hba.conf", atomically: false, encoding: .utf8)
    try await pool.run { _ = try $0.execute("SELECT pg_reload_conf()") }
    await pool.close()
    return postgres
  }

  private static func startTunnel(
    in folder: String, certificate: String, from port: Int, to tlsPort: Int
  ) async throws -> ChildProcess {
    let configuration = """
      foreground = yes
      pid =
      [redis]
      client = yes
      accept = 127.0.0.1:\(port)
      connect = ::1:\(tlsPort)
      verifyChain = yes
      CAfile = \(folder)/\(certificate).pem
      checkIP = ::1
      """
    let path = "\(folder)/stunnel-\(certificate).conf"
    try configuration.write(toFile: path, atomically: true, encoding: .utf8)
    return try await ChildProcess.start(
      executable: "/usr/bin/stunnel", arguments: [path],
      output: .file("\(folder)/stunnel-\(certificate).log"))
  }
}
