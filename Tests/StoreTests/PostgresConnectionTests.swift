import Domain
import Glibc
import Postgres
import Testing

@Suite("A PostgreSQL connection")
struct PostgresConnectionTests {
  @Test("Values of every type come back as they went in, to the bit")
  func roundTrip() async throws {
    let dsn = try await PostgresTestServer.sharedDatabase()
    var connection = try PostgresConnection.open(dsn: dsn)
    let row = try #require(
      try connection.execute(
        "SELECT $1, $2, $3, $4, $5, $6, $7::text[], $8::text[], $9, $10, $11, $12, 7::int2, 8",
        [
          .bool(true), .int(.min), .double(-0.0), .text(""), .bytes([]),
          .timestamp(Timestamp(milliseconds: 1_700_000_000_123)),
          .texts(["", "a\"{},\\", "Żółć 🦊"]), .texts([]), .double(.infinity), .double(.nan),
          .timestamp(Timestamp(milliseconds: -1)), .bytes([0, 255, 0]),
        ]
      ).first)
    #expect(try row.bool(0))
    #expect(try row.int(1) == .min)
    #expect(try row.double(2).bitPattern == (-0.0).bitPattern)
    #expect(try row.text(3) == "")
    #expect(try row.bytes(4) == [])
    #expect(try row.timestamp(5) == Timestamp(milliseconds: 1_700_000_000_123))
    #expect(try row.texts(6) == ["", "a\"{},\\", "Żółć 🦊"])
    #expect(try row.texts(7) == [])
    #expect(try row.double(8) == .infinity)
    #expect(try row.double(9).isNaN)
    #expect(try row.timestamp(10) == Timestamp(milliseconds: -1))
    #expect(try row.bytes(11) == [0, 255, 0])
    #expect(try row.int(12) == 7)
    #expect(try row.int(13) == 8)
  }

  @Test("Arrays with NULLs reach the server whole")
  func arrays() async throws {
    let dsn = try await PostgresTestServer.sharedDatabase()
    var connection = try PostgresConnection.open(dsn: dsn)
    let result = try connection.execute(
      "SELECT * FROM unnest($1::int8[], $2::float8[], $3::text[], $4::bytea[], $5::timestamptz[])",
      [
        .ints([1, nil]), .doubles([nil, 2.5]), .texts(["x", nil]), .byteStrings([[1], []]),
        .timestamps([Timestamp(milliseconds: 5), Timestamp(milliseconds: 6)]),
      ])
    let rows = Array(result.rows)
    #expect(rows.count == 2)
    #expect(try rows.map { try $0.optionalInt(0) } == [1, nil])
    #expect(try rows.map { try $0.optionalDouble(1) } == [nil, 2.5])
    #expect(rows.map { $0.optionalText(2) } == ["x", nil])
    #expect(rows.map { $0.optionalBytes(3) } == [[1], []])
    #expect(try rows.map { try $0.timestamp(4).milliseconds } == [5, 6])
  }

  @Test("Typed NULLs are NULL, and reading one where a value is due is an error, not a crash")
  func nulls() async throws {
    let dsn = try await PostgresTestServer.sharedDatabase()
    var connection = try PostgresConnection.open(dsn: dsn)
    let row = try #require(
      try connection.execute(
        "SELECT $1, $2, $3, $4, $5", [.int(nil), .text(nil), .double(nil), .bytes(nil), .bool(nil)]
      ).first)
    #expect(try row.optionalInt(0) == nil)
    #expect(row.optionalText(1) == nil)
    #expect(throws: PostgresError.self) { try row.int(0) }
    #expect(throws: PostgresError.self) { try row.text(1) }
    #expect(throws: PostgresError.self) { try row.bool(4) }
    #expect(throws: PostgresError.self) { try row.int(99) }
    #expect(throws: PostgresError.self) { try row.texts(0) }
  }

  @Test("Times out of the database's range become its ends")
  func extremeTimes() async throws {
    let dsn = try await PostgresTestServer.sharedDatabase()
    var connection = try PostgresConnection.open(dsn: dsn)
    for milliseconds in [Int64.min, .max] {
      let row = try connection.execute(
        "SELECT $1", [.timestamp(Timestamp(milliseconds: milliseconds))]
      ).first
      let answer = try #require(row).timestamp(0)
      #expect((answer.milliseconds < 0) == (milliseconds < 0))
    }
  }

  @Test("A text with a NUL is refused, and the connection lives on")
  func nul() async throws {
    let dsn = try await PostgresTestServer.sharedDatabase()
    var connection = try PostgresConnection.open(dsn: dsn)
    do {
      try connection.execute("SELECT $1", [.text("a\0b")])
      Issue.record("it was taken")
    } catch {
      #expect(error.sqlState == "22021")
      #expect(!error.isUnavailable && !error.isConnectionLost)
    }
    #expect(try connection.execute("SELECT $1", [.text("fine")]).first?.text(0) == "fine")
  }

  @Test("An error tells its state; a transaction that throws leaves nothing behind")
  func rollback() async throws {
    let dsn = try await PostgresTestServer.sharedDatabase()
    var connection = try PostgresConnection.open(dsn: dsn)
    try connection.executeScript(
      "CREATE TEMPORARY TABLE t (n bigint PRIMARY KEY); INSERT INTO t VALUES (1)")
    do {
      try connection.inTransaction { connection in
        try connection.execute("INSERT INTO t VALUES ($1)", [.int(2)])
        try connection.execute("INSERT INTO t VALUES ($1)", [.int(1)])
      }
      Issue.record("a duplicate was stored")
    } catch let error as PostgresError {
      #expect(error.sqlState == "23505")
    }
    #expect(try connection.execute("SELECT count(*) FROM t").first?.int(0) == 1)
    try connection.inTransaction { try $0.execute("INSERT INTO t VALUES (3)") }
    #expect(try connection.execute("SELECT count(*) FROM t").first?.int(0) == 2)
  }

  @Test("A transaction's BEGIN goes with what it asks first, its COMMIT with what it asks last")
  func fewerTrips() async throws {
    let dsn = try await PostgresTestServer.freshDatabase(migrated: false)
    var connection = try PostgresConnection.open(dsn: dsn)
    var other = try PostgresConnection.open(dsn: dsn)
    try connection.executeScript("CREATE TABLE t (n bigint PRIMARY KEY)")
    func insert(_ number: Int64) -> PostgresStatement {
      PostgresStatement("INSERT INTO t VALUES ($1)", [.int(number)])
    }
    let count = "SELECT count(*) FROM t"
    let kept = try connection.inTransaction { connection in
      let first = try connection.execute(together: [PostgresStatement(count), insert(1)])
      #expect(try first[0].first?.int(0) == 0 && first.count == 2)
      #expect(try other.execute(count).first?.int(0) == 0)
      let last = try connection.execute(together: [insert(2)], committing: true)
      #expect(last.map(\.affectedCount) == [1])
      return try other.execute(count).first?.int(0)
    }
    #expect(kept == 2)
    for isLast in [false, true] {
      do {
        try connection.inTransaction { connection in
          _ = try connection.execute(together: [insert(3)])
          _ = try connection.execute(together: [insert(4), insert(1)], committing: isLast)
        }
        Issue.record("a duplicate was stored")
      } catch let error as PostgresError {
        #expect(error.sqlState == "23505")
      }
    }
    // One in which nothing was asked never was.
    try connection.inTransaction { _ in }
    try connection.execute("INSERT INTO t VALUES (5)")
    #expect(try other.execute(count).first?.int(0) == 3)
  }

  @Test(
    "What needs no sync, and what is looked up by its keys, is so to the end of its transaction")
  func settings() async throws {
    var connection = try PostgresConnection.open(dsn: await PostgresTestServer.sharedDatabase())
    let settings = PostgresStatement(
      "SELECT current_setting('synchronous_commit'), current_setting('enable_seqscan')"
    )
    let within = try connection.execute(together: [.withoutSync, .byKeys, settings])
    #expect(try within[2].first?.text(0) == "off" && within[2].first?.text(1) == "off")
    let behind = try connection.execute(settings.sql)
    #expect(try behind.first?.text(0) == "on" && behind.first?.text(1) == "on")
  }

  @Test("Whoever had to wait for a row's lock gets the place of what the other made of it")
  func places() async throws {
    let dsn = try await PostgresTestServer.freshDatabase(migrated: false)
    var first = try PostgresConnection.open(dsn: dsn)
    try first.executeScript(
      "CREATE TABLE t (n bigint PRIMARY KEY, m bigint); INSERT INTO t VALUES (1, 10), (2, 20)")
    let waiting = try first.inTransaction { first in
      try first.execute("UPDATE t SET m = 11 WHERE n = 1")
      let waiting = Task.detached {
        var second = try PostgresConnection.open(dsn: dsn)
        return try second.inTransaction { second in
          let locked = try second.execute("SELECT ctid, m FROM t ORDER BY n FOR UPDATE")
          let places = try locked.rows.map { try $0.place(0) }
          let seen = try locked.rows.map { try $0.int(1) }
          let written = try second.execute(
            "UPDATE t SET m = t.m + 1 FROM unnest($1::tid[]) AS place WHERE t.ctid = place",
            [.places(places)])
          return (seen, written.affectedCount)
        }
      }
      // Until it does wait.
      let blocked = "SELECT count(*) FROM pg_locks WHERE NOT granted"
      let deadline = ContinuousClock.now + .seconds(10)
      while try first.execute(blocked).first?.int(0) == 0, ContinuousClock.now < deadline {
        usleep(1_000)
      }
      return waiting
    }
    let (seen, written) = try await waiting.value
    #expect(seen == [11, 20] && written == 2)
    let rows = try first.execute("SELECT m FROM t ORDER BY n").rows.map { try $0.int(0) }
    #expect(rows == [12, 21])
  }

  @Test("Statements that are sent together are answered in their order, none behind one that fails")
  func together() async throws {
    let dsn = try await PostgresTestServer.sharedDatabase()
    var connection = try PostgresConnection.open(dsn: dsn)
    try connection.executeScript("CREATE TEMPORARY TABLE t (n bigint PRIMARY KEY)")
    let insert = "INSERT INTO t VALUES ($1)"
    let count = PostgresStatement("SELECT count(*), $1::text FROM t", [.text("counted")])
    let results = try connection.execute(together: [
      count, PostgresStatement(insert, [.int(1)]), PostgresStatement(insert, [.int(2)]), count,
    ])
    #expect(try results[0].first?.int(0) == 0)
    #expect(results[1].affectedCount == 1)
    #expect(try results[3].first?.int(0) == 2)
    #expect(try results[3].first?.text(1) == "counted")
    for number in 3...4 {
      do {
        try connection.inTransaction { connection in
          _ = try connection.execute(together: [
            PostgresStatement(insert, [.int(3)]), PostgresStatement(insert, [.int(1)]), count,
            PostgresStatement(insert, [.int(4)]),
          ])
        }
        Issue.record("a duplicate was stored")
      } catch let error as PostgresError {
        #expect(error.sqlState == "23505")
      }
      // It goes on as if nothing had been, and more than fits into one message at a time.
      let wide = PostgresValue.text(String(repeating: "x", count: 3_000_000))
      let lengths = try connection.execute(
        together: Array(repeating: PostgresStatement("SELECT $1::text", [wide]), count: 4))
      #expect(
        try lengths.map { try $0.first?.text(0).utf8.count } == [
          3_000_000, 3_000_000, 3_000_000, 3_000_000,
        ])
      #expect(try connection.execute("SELECT count(*) FROM t").first?.int(0) == Int64(number - 1))
      try connection.execute(insert, [.int(Int64(number + 10))])
    }
    #expect(try connection.execute(together: []).isEmpty)
  }

  @Test("More different statements than are kept prepared still run")
  func manyStatements() async throws {
    let dsn = try await PostgresTestServer.sharedDatabase()
    var connection = try PostgresConnection.open(dsn: dsn)
    for round in 1...2 {
      for number in 0..<(PostgresConnection.preparedLimit + 20) {
        let row = try connection.execute("SELECT \(number) + $1", [.int(Int64(round))]).first
        #expect(try row?.int(0) == Int64(number + round))
      }
    }
  }

  @Test("The same statement with values of another type is another statement")
  func retyped() async throws {
    let dsn = try await PostgresTestServer.sharedDatabase()
    var connection = try PostgresConnection.open(dsn: dsn)
    #expect(try connection.execute("SELECT $1", [.int(1)]).first?.int(0) == 1)
    #expect(try connection.execute("SELECT $1", [.text("x")]).first?.text(0) == "x")
  }

  @Test("A statement that takes too long is cancelled")
  func statementTimeout() async throws {
    let dsn = try await PostgresTestServer.sharedDatabase()
    var connection = try PostgresConnection.open(dsn: dsn, statementTimeout: .milliseconds(50))
    do {
      try connection.execute("SELECT pg_sleep(60)")
      Issue.record("it slept")
    } catch {
      #expect(error.sqlState == "57014")
      #expect(error.isUnavailable && !error.isConnectionLost)
    }
    #expect(try connection.execute("SELECT 1").rowCount == 1)
  }

  @Test(
    "A server that isn't there is an error at once",
    arguments: [
      "host=/nonexistent", "host=127.0.0.1 port=1", "postgresql://127.0.0.1:1/x", "nonsense",
    ])
  func unreachable(dsn: String) {
    do {
      _ = try PostgresConnection.open(dsn: dsn)
      Issue.record("it connected")
    } catch {
      #expect(error.isUnavailable)
      #expect(error.shortReason == "cannot connect")
    }
  }
}
