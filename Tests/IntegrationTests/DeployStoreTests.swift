import Fleet
import Foundation
import Redis
import Simulation
import TestSupport
import Testing

extension RunningProcesses.Deploy {
  /// The hub as the least of users in both stores, doing all that it does with them.
  @Test("Redis and PostgreSQL with the settings, users and grants of deploy/")
  func stores() async throws {
    try await OwnFleet.with { fleet in
      let redis = try await GuardedRedis(in: fleet.folder)
      defer { redis.end() }
      let database = GuardedDatabase(fleet: fleet)
      try await database.prepare()
      let stores = [
        "POOLHUB_REDIS_URL": "redis://poolhub:\(GuardedRedis.password)@127.0.0.1:\(redis.port)",
        "POOLHUB_DB_DSN": "host=127.0.0.1 port=\(fleet.database.port) user=hub_app dbname=hub",
        "POOLHUB_LIMIT_MATCH": "20000/s", "POOLHUB_LIMIT_REGISTER_ADDRESS": "20/s burst 200",
      ]
      let client = try await fleet.startGateway(1, stores)
      try await fleet.startScorer(1, stores)
      try await client.waitForHealth("ok", scorers: 1)
      try await useEverything(of: client)
      // A second scorer reads everything from the stores.
      try await fleet.startScorer(2, stores)
      try await client.waitForHealth("ok", scorers: 2)
      await eventually("statuses are archived and limits settled") {
        let archived = try? await client.metric("poolhub_statuses_archived_total")
        let settled = try? await client.metric("poolhub_rate_limit_requests_total", "shared")
        return (archived ?? 0) > 0 && (settled ?? 0) > 0
      }
      try fleet.process("gateway-1").terminate(signal: SIGTERM)
      #expect(try await fleet.process("gateway-1").waitForExit() == 0)

      #expect(try await redis.admin("ACL", "LOG").elements?.count == 0, "Redis refused something")
      try await redis.expectBounds()
      let log = try String(contentsOfFile: fleet.postgres.logPath, encoding: .utf8)
      let refusals = log.split(separator: "\n").filter {
        $0.contains("permission denied") || $0.contains("must be owner")
      }
      #expect(refusals.isEmpty, "PostgreSQL refused: \(refusals.joined(separator: "\n"))")
      try await database.expectBounds()
    }
  }

  /// Each path that writes or reads a store.
  private func useEverything(of client: HubClient) async throws {
    let miner = try await LiveMiner.register("m", capability: "c", at: client)
    func ask(
      _ method: String, _ path: String, as bearer: String?, _ body: String? = nil,
      expecting statuses: [Int] = [200], sourceLocation: SourceLocation = #_sourceLocation
    ) async throws -> HubAnswer {
      let answer = try await client.request(
        method, path, bearer: bearer, body: body.map { Array($0.utf8) })
      #expect(
        statuses.contains(answer.status), "\(method) \(path): \(answer.summary)",
        sourceLocation: sourceLocation)
      return answer
    }
    let (coordinator, operators) = (client.coordinatorSecret, client.adminSecret)
    _ = try await ask("POST", "/v1/miners/update", as: miner.token, #"{"region": "us"}"#)
    _ = try await ask("POST", "/v1/miners/heartbeat", as: miner.token, #"{"queue_len": 1}"#)
    _ = try await ask("GET", "/v1/miners/status", as: miner.token)
    let template = try await ask("GET", "/v1/services/templates/whisper", as: nil)
    _ = try await ask("POST", "/v1/services/whisper", as: miner.token, template.text)
    _ = try await ask("PATCH", "/v1/services/whisper", as: miner.token, #"{"enabled": false}"#)
    _ = try await ask("GET", "/v1/services", as: miner.token)
    _ = try await ask("DELETE", "/v1/services/whisper", as: miner.token, expecting: [200, 204])
    for _ in 1...2 {
      _ = try await ask("POST", "/v1/match", as: coordinator, #"{"job_id": "j"}"#)
      let report = #"{"job_id": "j", "miner_id": "m", "outcome": "completed"}"#
      _ = try await ask("POST", "/v1/feedback", as: coordinator, report)
    }
    await eventually("the match is in the history") {
      (try? await client.request("GET", "/v1/matches/j", bearer: coordinator).status) == 200
    }
    let price = #"{"price_token_per_ksec": "2"}"#
    _ = try await client.setPriceOverride(of: "m", Array(price.utf8))
    _ = try await client.removePriceOverride(of: "m")
    for kind in [#""miner""#, #""coordinator", "coordinator": "another""#] {
      let key = try await ask(
        "POST", "/v1/keys", as: operators, #"{"kind": \#(kind)}"#, expecting: [200, 201])
      let id = try #require(key.json?["key_id"]?.string)
      _ = try await ask(
        "POST", "/v1/keys/\(id)/rotate", as: operators, #"{"overlap_sec": 60}"#,
        expecting: [200, 201])
      _ = try await ask("DELETE", "/v1/keys/\(id)", as: operators)
    }
    for path in ["/v1/keys", "/v1/audit", "/v1/miners", "/v1/pool/miners/m"] {
      _ = try await ask("GET", path, as: operators)
    }
    _ = try await ask("GET", "/v1/pool", as: nil)
    _ = try await ask("POST", "/v1/miners/logout", as: miner.token)
    _ = try await ask("POST", "/v1/miners/heartbeat", as: miner.token, "{}", expecting: [401])
  }
}

/// A Redis with `deploy/redis`.
private final class GuardedRedis: Sendable {
  static let password = "the-hubs-own-password"
  private static let adminPassword = "the-admins-password"

  let port: Int
  private let process: ChildProcess

  init(in folder: TestFolder) async throws {
    port = try FreePort.choose()
    let deploy = PythonRun.root + "/deploy/redis"
    var users = try String(contentsOfFile: "\(deploy)/poolhub.acl", encoding: .utf8)
    for password in [Self.adminPassword, Self.password] {
      let place = try #require(users.range(of: "CHANGE-ME-openssl-rand-hex-24"))
      users.replaceSubrange(place, with: password)
    }
    let acl = "/etc/redis/poolhub.acl"
    let settings = try String(contentsOfFile: "\(deploy)/poolhub.conf", encoding: .utf8)
    try #require(settings.contains("aclfile \(acl)"))
    let own = "bind 127.0.0.1\nport \(port)\ndir \(folder.path)\n"
    let files = [
      "users.acl": users,
      "redis.conf": own + settings.replacing(acl, with: "\(folder.path)/users.acl"),
    ]
    for (name, text) in files {
      try text.write(toFile: "\(folder.path)/\(name)", atomically: true, encoding: .utf8)
    }
    process = try await ChildProcess.start(
      executable: "/usr/bin/redis-server", arguments: ["\(folder.path)/redis.conf"],
      output: .file("\(folder.path)/redis.log"))
    await eventually("Redis answers") { (try? await self.admin("PING")) != nil }
  }

  func end() { process.terminate(signal: SIGKILL) }

  func admin(_ words: String...) async throws -> RedisReply {
    try await send(words, as: "admin:\(Self.adminPassword)@")
  }

  private func send(_ words: [String], as login: String) async throws -> RedisReply {
    var command = RedisCommand()
    for word in words { command.append(word) }
    return try await RedisClient(url: RedisURL("redis://\(login)127.0.0.1:\(port)")).send(command)
  }

  /// What the hub's user and strangers may not do, and the settings that everything rests on.
  func expectBounds() async throws {
    for words in [
      ["FLUSHALL"], ["CONFIG", "GET", "*"], ["KEYS", "*"], ["GET", "another"], ["ACL", "LIST"],
      ["SET", "{poolhub}", "1"], ["EVAL", "return redis.call('DEL', KEYS[1])", "1", "{poolhub}:x"],
      ["DEBUG", "SLEEP", "0"], ["REPLICAOF", "127.0.0.1", "1"], ["PUBLISH", "{poolhub}:x", "1"],
    ] {
      await #expect(throws: (any Error).self, "\(words)") {
        try await self.send(words, as: "poolhub:\(Self.password)@")
      }
    }
    await #expect(throws: (any Error).self) { try await self.send(["PING"], as: "") }
    let expected = [
      ("maxmemory-policy", "noeviction"), ("appendonly", "yes"), ("appendfsync", "everysec"),
    ]
    for (name, value) in expected {
      #expect(try await admin("CONFIG", "GET", name).elements?.last?.text == value)
    }
  }
}

/// A database with the roles and grants of `deploy/postgresql`, beside the fleet's own.
private struct GuardedDatabase {
  let fleet: OwnFleet
  private let names = ["-v", "owner=hub_owner", "-v", "app=hub_app", "-v", "database=hub"]
  private var deploy: String { PythonRun.root + "/deploy/postgresql" }

  func prepare() async throws {
    try await run("poolhub", "poolhub", names + ["-f", "\(deploy)/roles.sql"])
    let server = "host=\(fleet.folder.path)/pg user=hub_owner dbname=hub"
    let migrations = PythonRun.root + "/migrations"
    let migrated = try await ProgramRun.run(
      "poolhub", ["migrate", "--dsn", server, "--directory", migrations])
    #expect(migrated.status == 0, "\(migrated.output)")
    try await run("hub_owner", "hub", names + ["-f", "\(deploy)/grants.sql"])
    // A day of the history whose time is over: the hub takes it away.
    try await run(
      "hub_app", "hub",
      [
        "-c",
        """
        CREATE TABLE poolhub.matches_20200101 PARTITION OF poolhub.matches
        FOR VALUES FROM ('2020-01-01') TO ('2020-01-02')
        """,
      ])
  }

  func expectBounds() async throws {
    let old = try await psql(
      "hub_app", "hub", ["-Atc", "SELECT to_regclass('poolhub.matches_20200101') IS NULL"])
    #expect(old.lines == ["t"])
    for statement in [
      "UPDATE poolhub.audit_log SET actor = 'x'", "DELETE FROM poolhub.audit_log",
      "TRUNCATE poolhub.audit_log", "DROP TRIGGER audit_log_only_grows ON poolhub.audit_log",
      "ALTER TABLE poolhub.audit_log DISABLE TRIGGER ALL", "DROP TABLE poolhub.miners",
      "DELETE FROM poolhub.miners", "UPDATE poolhub.feedback SET outcome = 'completed'",
      "DELETE FROM poolhub.api_keys", "INSERT INTO poolhub.schema_migrations DEFAULT VALUES",
      "CREATE ROLE another", "CREATE TABLE public.another (a int)", "SET ROLE hub_owner",
      "COPY poolhub.miners TO PROGRAM 'cat'", "DROP SCHEMA poolhub CASCADE",
    ] {
      let tried = try await psql("hub_app", "hub", ["-c", statement])
      let isRefused = tried.output.contains("denied") || tried.output.contains("must be ")
      #expect(tried.status != 0 && isRefused, "\(statement): \(tried.output)")
    }
    // A table that the grants forget would only be noticed once something needs it.
    let forgotten = try await psql(
      "hub_app", "hub",
      [
        "-Atc",
        """
        SELECT relname FROM pg_class WHERE relnamespace = 'poolhub'::regnamespace AND relkind IN ('r', 'p')
        AND NOT has_table_privilege(oid, 'SELECT')
        """,
      ])
    #expect(forgotten.lines.isEmpty, "grants.sql doesn't name \(forgotten.lines)")
  }

  private func run(_ user: String, _ database: String, _ arguments: [String]) async throws {
    let done = try await psql(user, database, arguments)
    try #require(done.status == 0, "\(arguments): \(done.output)")
  }

  private func psql(
    _ user: String, _ database: String, _ arguments: [String]
  ) async throws -> ProgramRun {
    try await ProgramRun.tool(
      "/usr/bin/psql",
      ["-X", "-q", "-v", "ON_ERROR_STOP=1", "-h", "\(fleet.folder.path)/pg", "-U", user, database]
        + arguments)
  }
}
