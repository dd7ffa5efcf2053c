import Fleet
import Glibc
import Postgres
import Synchronization
import Testing

@Suite("A pool of PostgreSQL sessions")
struct PostgresPoolTests {
  private func pool(
    _ dsn: String, sessions: Int, queueLimit: Int = 1_024,
    statementTimeout: Duration = .seconds(30)
  ) -> PostgresPool {
    var configuration = PostgresPool.Configuration(dsn: dsn)
    configuration.sessionCount = sessions
    configuration.queueLimit = queueLimit
    configuration.statementTimeout = statementTimeout
    return PostgresPool(configuration)
  }

  private func eventually(_ condition: () async throws -> Bool) async throws {
    let deadline = ContinuousClock.now + .seconds(30)
    while try await !condition() {
      try #require(ContinuousClock.now < deadline, "it never came true")
      try await Task.sleep(for: .milliseconds(5))
    }
  }

  @Test("Many callers share few sessions")
  func sharing() async throws {
    try await PostgresTestServer.withFreshPool(sessions: 3, migrated: false) { pool in
      let pids = try await withThrowingTaskGroup(of: Int64.self) { group in
        for _ in 0..<100 {
          group.addTask {
            try await pool.run { try $0.execute("SELECT pg_backend_pid()").first?.int(0) ?? 0 }
          }
        }
        return try await group.reduce(into: Set()) { $0.insert($1) }
      }
      #expect((1...3).contains(pids.count))
      #expect(pool.statistics.refusedCount == 0)
      #expect(pool.statistics.activeCount == 0)
    }
  }

  @Test("A caller too many is refused at once, and those who wait are served")
  func bounded() async throws {
    let dsn = try await PostgresTestServer.freshDatabase(migrated: false)
    let pool = pool(dsn, sessions: 1, queueLimit: 2)
    let gate = Gate()
    let holder = Task { try await pool.run { _ in gate.wait() } }
    try await eventually { pool.statistics.activeCount == 1 }
    let waiting = (0..<2).map { _ in Task { try await pool.run { _ in 1 } } }
    try await eventually { pool.statistics.waitingCount == 2 }
    do {
      try await pool.run { _ in }
      Issue.record("it was let in")
    } catch let error as PostgresError {
      #expect(error.kind == .busy && error.isUnavailable)
    }
    gate.open()
    try await holder.value
    for caller in waiting { #expect(try await caller.value == 1) }
    #expect(pool.statistics.refusedCount == 1)
    await pool.close()
    await #expect(throws: PostgresError.self) { try await pool.run { _ in } }
  }

  @Test("A job whose connection was cut before its commit is run once more")
  func retried() async throws {
    try await PostgresTestServer.withFreshPool(sessions: 1, migrated: false) { pool in
      try await pool.run { try $0.executeScript("CREATE TABLE t (n bigint)") }
      let runs = Mutex(0)
      try await pool.run { connection in
        let run = runs.withLock { count in
          count += 1
          return count
        }
        try connection.inTransaction { connection in
          try connection.execute("INSERT INTO t VALUES (1)")
          if run == 1 { try connection.execute("SELECT pg_terminate_backend(pg_backend_pid())") }
        }
      }
      #expect(runs.withLock { $0 } == 2)
      let count = try await pool.run { try $0.execute("SELECT count(*) FROM t").first?.int(0) }
      #expect(count == 1)
    }
  }

  @Test("A job whose connection was cut at its commit is not run again: it may have happened")
  func notRetriedAfterCommit() async throws {
    try await PostgresTestServer.withFreshPool(sessions: 1, migrated: false) { pool in
      try await pool.run { connection in
        try connection.executeScript(
          """
          CREATE TABLE t (n bigint);
          CREATE FUNCTION cut() RETURNS trigger LANGUAGE plpgsql AS
            $$ BEGIN PERFORM pg_terminate_backend(pg_backend_pid()); RETURN NULL; END $$;
          CREATE CONSTRAINT TRIGGER cut AFTER INSERT ON t DEFERRABLE INITIALLY DEFERRED
            FOR EACH ROW EXECUTE FUNCTION cut();
          """)
      }
      let runs = Mutex(0)
      do {
        try await pool.run { connection in
          runs.withLock { $0 += 1 }
          try connection.inTransaction { try $0.execute("INSERT INTO t VALUES (1)") }
        }
        Issue.record("it was committed")
      } catch let error as PostgresError {
        #expect(error.isConnectionLost)
      }
      #expect(runs.withLock { $0 } == 1)
    }
  }

  @Test("Connections that a restart cut while they were idle are replaced unnoticed")
  func restartedWhileIdle() async throws {
    let server = try await PostgresTestServer.startPrivate()
    let pool = pool(server.dsn, sessions: 1)
    try await pool.run { try $0.executeScript("CREATE TABLE t (n bigint)") }
    await server.stop()
    try await server.start()
    try await pool.run { try $0.executeScript("INSERT INTO t VALUES (1)") }
    #expect(pool.statistics.outageCount == 0)
    await pool.close()
    await server.stop()
  }

  @Test(
    "While the server is down callers fail at once, and work goes on when it is back, with its data"
  )
  func outage() async throws {
    let server = try await PostgresTestServer.startPrivate()
    let pool = pool(server.dsn, sessions: 2)
    try await pool.run { try $0.executeScript("CREATE TABLE t (n bigint)") }
    #expect(await pool.check() == nil)
    let child = try #require(await server.child)
    child.terminate(signal: SIGKILL)
    #expect(await child.waitForExit() == 128 + SIGKILL)
    for _ in 0..<20 {
      let start = ContinuousClock.now
      do {
        _ = try await pool.run { try $0.execute("SELECT 1").rowCount }
        // A killed server's own children may live on for a moment.
      } catch let error as PostgresError {
        #expect(error.isUnavailable)
      }
      #expect(ContinuousClock.now - start < .seconds(1))
    }
    try await eventually { await pool.check() == "cannot connect" }
    try await server.start()
    try await eventually { await pool.check() == nil }
    try await pool.run { try $0.executeScript("INSERT INTO t VALUES (1)") }
    #expect(pool.statistics.outageCount == 1)
    await pool.close()
    await server.stop()
  }

  @Test("A server that hangs without a word is given up after the statement's time")
  func silence() async throws {
    let server = try await PostgresTestServer.startPrivate()
    let pool = pool(server.dsn, sessions: 1, statementTimeout: .milliseconds(100))
    let backend = try await pool.run {
      try $0.execute("SELECT pg_backend_pid()").first?.int(0) ?? 0
    }
    kill(pid_t(backend), SIGSTOP)
    do {
      _ = try await pool.run { try $0.execute("SELECT 1").rowCount }
      Issue.record("a stopped server answered")
    } catch let error as PostgresError {
      #expect(error.kind == .timedOut)
    }
    // The others still answer, so the outage ends by itself.
    try await eventually { await pool.check() == nil }
    #expect(try await pool.run { try $0.execute("SELECT 1").rowCount } == 1)
    kill(pid_t(backend), SIGKILL)
    await pool.close()
    await server.stop()
  }
}

/// Holds a session's thread until it is opened.
private final class Gate: Sendable {
  private let isOpen = Atomic<Bool>(false)

  func open() { isOpen.store(true, ordering: .releasing) }

  func wait() { while !isOpen.load(ordering: .acquiring) { usleep(1_000) } }
}
