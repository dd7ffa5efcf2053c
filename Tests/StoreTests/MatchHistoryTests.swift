import Domain
import Fleet
import GatewayHistory
import JSON
import Logging
import Postgres
import ServiceLifecycle
import Testing

@Suite("The history of matches", .serialized)
struct MatchHistoryTests {
  /// 2025-06-15, a quarter of an hour before midnight, UTC.
  private static let evening = Timestamp(milliseconds: 1_750_031_100_000)
  private static let day: Int64 = 86_400_000

  private static func match(
    _ number: Int, job: String = "job", by coordinator: String = "c", at time: Timestamp = evening
  ) -> StoredMatch {
    StoredMatch(
      coordinator: coordinator, jobID: job, matchID: "match-\(number)", answeredAt: time,
      request: #"{"top_k":1}"#, answer: #"{"job_id":"\#(job)","match_id":"match-\#(number)"}"#)
  }

  private static func partitions(_ pool: PostgresPool) async throws -> [String] {
    try await pool.run { connection in
      try connection.execute(
        """
        SELECT child.relname FROM pg_inherits JOIN pg_class child ON child.oid = inhrelid
        WHERE inhparent = 'poolhub.matches'::regclass ORDER BY 1
        """
      ).rows.map { row in try row.text(0) }
    }
  }

  @Test("Rows of several days make their partitions, and the newest comes first")
  func insert() async throws {
    try await PostgresTestServer.withFreshPool { pool in
      let store = PostgresMatchStore(pool: pool)
      let rows = [
        Self.match(1), Self.match(2, at: Self.evening.advanced(byMilliseconds: 900_000)),
        Self.match(3, by: "other"), Self.match(4, job: "else"),
      ]
      try await store.insert(rows)
      // Once more changes nothing.
      try await store.insert(rows)
      #expect(try await Self.partitions(pool) == ["matches_20250615", "matches_20250616"])
      func found(_ coordinator: String, _ job: String, limit: Int = 9) async throws -> [StoredMatch]
      {
        try await store.find(coordinator: coordinator, jobID: job, limit: limit)
      }
      #expect(try await found("c", "job") == [rows[1], rows[0]])
      #expect(try await found("c", "job", limit: 1) == [rows[1]])
      #expect(try await found("other", "job") == [rows[2]])
      #expect(try await found("other", "else") == [])
    }
  }

  @Test("Tidying makes today's and tomorrow's partitions, and drops those that are too old")
  func tidy() async throws {
    try await PostgresTestServer.withFreshPool { pool in
      let store = PostgresMatchStore(pool: pool)
      for back in Int64(0)..<5 {
        try await store.insert([
          Self.match(Int(back), at: Self.evening.advanced(byMilliseconds: -back * Self.day))
        ])
      }
      let dropped = try await store.tidy(keepingDays: 2, now: Self.evening)
      #expect(dropped == ["matches_20250611", "matches_20250612"])
      let left = (13...16).map { "matches_202506\($0)" }
      #expect(try await Self.partitions(pool) == left)
      #expect(try await store.tidy(keepingDays: 2, now: Self.evening) == [])
      #expect(try await store.find(coordinator: "c", jobID: "job", limit: 9).count == 3)
    }
  }

  @Test("Eight writers and tidiers at once, on a day that none has seen")
  func concurrently() async throws {
    try await PostgresTestServer.withFreshPool(sessions: 8) { pool in
      let store = PostgresMatchStore(pool: pool)
      try await withThrowingTaskGroup(of: Void.self) { group in
        for writer in 0..<8 {
          group.addTask {
            let rows = (0..<20).map { Self.match(writer * 100 + $0) }
            if writer % 2 == 0 { try await store.tidy(keepingDays: 7, now: Self.evening) }
            try await store.insert(rows)
          }
        }
        try await group.waitForAll()
      }
      #expect(try await store.find(coordinator: "c", jobID: "job", limit: 500).count == 160)
    }
  }

  /// Runs a history while `body` does, then ends it as a process does.
  private func withHistory(
    _ pool: PostgresPool, _ edit: (inout MatchHistory.Options) -> Void = { _ in },
    _ body: @Sendable @escaping (MatchHistory) async throws -> Void
  ) async throws {
    var options = MatchHistory.Options()
    options.intervalMilliseconds = 10
    edit(&options)
    var logger = Logger(label: "test")
    logger.logLevel = .critical
    let history = MatchHistory(
      store: PostgresMatchStore(pool: pool), options: options, now: { Self.evening },
      logger: logger)
    let group = ServiceGroup(services: [history], logger: logger)
    try await withThrowingTaskGroup(of: Void.self) { tasks in
      tasks.addTask { try await group.run() }
      try await body(history)
      await group.triggerGracefulShutdown()
      try await tasks.waitForAll()
    }
  }

  private static func note(_ number: Int, job: String = "job", in history: MatchHistory) {
    var query = MatchQuery(jobID: job)
    query.service = "whisper"
    query.maxPrice = Price(units: 80_000_000)
    query.exclude = [SampleMiners.id("m9")]
    history.note(
      coordinator: "c", matchID: "match-\(number)", query: query,
      body: Array(#"{"job_id":"\#(job)","match_id":"match-\#(number)","candidates":[]}"#.utf8),
      at: evening.advanced(byMilliseconds: Int64(number)))
  }

  @Test("What was noted shows at once, as it was answered, with what was asked")
  func shows() async throws {
    try await PostgresTestServer.withFreshPool { pool in
      try await withHistory(pool) { history in
        for number in 1...3 {
          Self.note(number, in: history)
          let found = try await history.matches(of: "job", for: "c", limit: 20)
          #expect(found.first?.matchID == "match-\(number)" && found.count == number)
        }
        #expect(try await history.matches(of: "job", for: "other", limit: 20) == [])
        let found = try await history.matches(of: "job", for: "c", limit: 2)
        let body = try #require(try MatchHistoryJSON.answer(found))
        let expected = #"""
          {"job_id": "job", "match_id": "match-3", "candidates": [], "matched_at":
          "2025-06-15T23:45:00.003Z", "request": {"requirements": {"service": "whisper"}, "hints":
          {"max_price": 0.8}, "top_k": 1, "exclude": ["m9"], "explain": "brief"}, "earlier":
          [{"job_id": "job", "match_id": "match-2", "candidates": [], "matched_at":
          "2025-06-15T23:45:00.002Z", "request": {"requirements": {"service": "whisper"}, "hints":
          {"max_price": 0.8}, "top_k": 1, "exclude": ["m9"], "explain": "brief"}}]}
          """#
        #expect(try JSONValue.parse(body) == (try JSONValue.parse(Array(expected.utf8))))
        #expect(try MatchHistoryJSON.answer([]) == nil)
      }
    }
  }

  @Test("Beyond its rate it leaves out, counts that, and goes on")
  func rate() async throws {
    try await PostgresTestServer.withFreshPool { pool in
      try await withHistory(pool, { $0.perSecond = 100 }) { history in
        for number in 0..<1_000 { Self.note(number, in: history) }
        let first = history.counters
        #expect(first.leftOut >= 800 && first.leftOut <= 900)
        #expect(first.leftOut + first.waiting + first.written == 1_000 && first.dropped == 0)
        try await eventually("there is room again") {
          Self.note(5_000, job: "again", in: history)
          return try await !history.matches(of: "again", for: "c", limit: 1).isEmpty
        }
      }
    }
  }

  @Test("A day's matches are bounded: an hour's share at once, then as it comes")
  func daily() async throws {
    try await PostgresTestServer.withFreshPool { pool in
      try await withHistory(pool, { $0.perDay = 24 * 100 }) { history in
        for number in 0..<500 { Self.note(number, in: history) }
        try await eventually("an hour's share is written") { history.counters.written == 100 }
        #expect(history.counters.leftOut == 400 && history.counters.dropped == 0)
      }
      // A second brings one more.
      try await withHistory(
        pool,
        {
          $0.perDay = 86_400; $0.perSecond = 100_000
        }
      ) { history in
        for number in 0..<4_000 { Self.note(1_000 + number, in: history) }
        #expect(history.counters.leftOut >= 300)
        try await eventually("there is room again") {
          Self.note(5_000, job: "again", in: history)
          return try await !history.matches(of: "again", for: "c", limit: 1).isEmpty
        }
      }
    }
  }

  @Test("What waits is bounded in count and bytes while PostgreSQL is away, and written afterwards")
  func outage() async throws {
    let server = try await PostgresTestServer.startPrivate()
    try await PostgresTestServer.withPool(dsn: server.dsn, sessions: 2) { pool in
      _ = try await pool.run {
        try Migrations.apply(directory: PostgresTestServer.migrations, on: &$0)
      }
      try await withHistory(pool, { $0.waitingLimit = 50 }) { history in
        Self.note(1, in: history)
        #expect(try await history.matches(of: "job", for: "c", limit: 9).count == 1)
        await server.stop()
        for number in 2..<200 {
          Self.note(number, job: "lost", in: history)
          if number % 20 == 0 { try await Task.sleep(for: .milliseconds(15)) }
        }
        #expect(history.counters.waiting == 50)
        #expect(history.counters.dropped == 148)
        await #expect(throws: PostgresError.self) {
          try await history.matches(of: "lost", for: "c", limit: 9)
        }
        try await server.start()
        try await eventually("what waited is written") {
          history.counters.written == 51 && history.counters.waiting == 0
        }
        #expect(try await history.matches(of: "lost", for: "c", limit: 500).count == 50)
      }
    }
    await server.stop()
  }

  @Test("The end writes what waits")
  func end() async throws {
    try await PostgresTestServer.withFreshPool { pool in
      try await withHistory(pool, { $0.intervalMilliseconds = 60_000 }) { history in
        // The first round, which is at the start, is over.
        Self.note(1, in: history)
        try await eventually("it runs") {
          history.counters.written == 1 || history.counters.waiting == 1
        }
        for number in 2...700 { Self.note(number, in: history) }
      }
      let found = try await PostgresMatchStore(pool: pool)
        .find(coordinator: "c", jobID: "job", limit: 1_000)
      #expect(found.count == 700)
    }
  }

  @Test("With no days to keep, nothing is taken in")
  func off() async throws {
    try await PostgresTestServer.withFreshPool { pool in
      try await withHistory(pool, { $0.days = 0 }) { history in
        Self.note(1, in: history)
        #expect(history.counters == MatchHistory.Counters())
        #expect(!history.isKept)
        let found = try await history.matches(of: "job", for: "c", limit: 1)
        #expect(found == [])
      }
      #expect(try await Self.partitions(pool) == [])
    }
  }
}
