import Domain

/// An answered match, to be explained later.
package struct StoredMatch: Equatable, Sendable {
  package var coordinator: String
  package var jobID: String
  package var matchID: String
  package var answeredAt: Timestamp
  /// What was asked, as JSON.
  package var request: String
  /// The whole answer, as JSON.
  package var answer: String

  package init(
    coordinator: String, jobID: String, matchID: String, answeredAt: Timestamp, request: String,
    answer: String
  ) {
    self.coordinator = coordinator
    self.jobID = jobID
    self.matchID = matchID
    self.answeredAt = answeredAt
    self.request = request
    self.answer = answer
  }
}

/// Answered matches in PostgreSQL, in a partition a UTC day.
package struct PostgresMatchStore: Sendable {
  /// Any number that nobody else locks; whoever makes or drops partitions holds it.
  private static let lockKey: Int64 = 0x706f_6f6c_6d74_6368
  private static let millisecondsPerDay: Int64 = 86_400_000

  private let pool: PostgresPool

  package init(pool: PostgresPool) { self.pool = pool }

  /// Adds rows; those that are there already are passed over, so that trying again does no harm.
  package func insert(_ matches: [StoredMatch]) async throws {
    if matches.isEmpty { return }
    let days = Set(matches.map { Self.day(of: $0.answeredAt) }).sorted()
    try await pool.run { connection in
      do {
        try Self.insert(matches, on: &connection)
      } catch let error as PostgresError where error.sqlState == Self.noPartition {
        for day in days { try Self.makePartition(day, on: &connection) }
        try Self.insert(matches, on: &connection)
      }
    }
  }

  /// A coordinator's matches of one job, the newest first.
  package func find(
    coordinator: String, jobID: String, limit: Int
  ) async throws -> [StoredMatch] {
    try await pool.run { connection in
      let result = try connection.execute(
        """
        SELECT match_id, answered_at, request::text, answer::text FROM poolhub.matches
        WHERE coordinator = $1 AND job_id = $2 ORDER BY answered_at DESC, match_id LIMIT $3
        """, [.text(coordinator), .text(jobID), .int(Int64(limit))])
      return try result.rows.map { row in
        StoredMatch(
          coordinator: coordinator, jobID: jobID, matchID: try row.text(0),
          answeredAt: try row.timestamp(1), request: try row.text(2), answer: try row.text(3))
      }
    }
  }

  /// Makes the partitions of today and tomorrow, so that no insert has to, and drops those of days that
  /// are more than `days` ago.
  ///
  /// - Returns: the names of the dropped ones.
  @discardableResult
  package func tidy(keepingDays days: Int, now: Timestamp) async throws -> [String] {
    let today = Self.day(of: now)
    return try await pool.run { connection in
      for day in [today, today + 1] { try Self.makePartition(day, on: &connection) }
      let old = try connection.execute(
        """
        SELECT child.relname FROM pg_inherits JOIN pg_class child ON child.oid = inhrelid
        WHERE inhparent = 'poolhub.matches'::regclass AND child.relname < $1 ORDER BY 1
        """, [.text(try Self.name(of: today - Int64(days), on: &connection))])
      let names = try old.rows.map { row in try row.text(0) }
      for name in names {
        try connection.inTransaction { connection in
          try connection.execute("SELECT pg_advisory_xact_lock($1)", [.int(Self.lockKey)])
          try connection.executeScript("DROP TABLE IF EXISTS poolhub.\(name)")
        }
      }
      return names
    }
  }

  // MARK: Inside

  /// `check_violation`: no partition takes the row.
  private static let noPartition = "23514"

  private static func insert(
    _ matches: [StoredMatch], on connection: inout PostgresConnection
  ) throws(PostgresError) {
    try connection.execute(
      """
      INSERT INTO poolhub.matches (coordinator, job_id, match_id, answered_at, request, answer)
      SELECT coordinator, job_id, match_id, answered_at, request::json, answer::json
      FROM unnest($1::text[], $2::text[], $3::text[], $4::timestamptz[], $5::text[], $6::text[])
        AS row (coordinator, job_id, match_id, answered_at, request, answer)
      ON CONFLICT DO NOTHING
      """,
      [
        .texts(matches.map(\.coordinator)), .texts(matches.map(\.jobID)),
        .texts(matches.map(\.matchID)), .timestamps(matches.map(\.answeredAt)),
        .texts(matches.map(\.request)), .texts(matches.map(\.answer)),
      ])
  }

  /// Days since 1970-01-01, UTC.
  private static func day(of time: Timestamp) -> Int64 {
    let (quotient, remainder) = time.milliseconds.quotientAndRemainder(
      dividingBy: millisecondsPerDay)
    return remainder < 0 ? quotient - 1 : quotient
  }

  private static func name(
    of day: Int64, on connection: inout PostgresConnection
  ) throws(PostgresError) -> String {
    let result = try connection.execute(
      "SELECT 'matches_' || to_char(date '1970-01-01' + $1::int8::int4, 'YYYYMMDD')", [.int(day)])
    guard let row = result.first else { throw PostgresError(.unexpectedResult, "no name") }
    return try row.text(0)
  }

  /// Does nothing where it is there already, which takes no lock on the table.
  private static func makePartition(
    _ day: Int64, on connection: inout PostgresConnection
  ) throws {
    let name = try name(of: day, on: &connection)
    let exists = try connection.execute(
      "SELECT to_regclass('poolhub.' || $1) IS NOT NULL", [.text(name)]
    ).first?.bool(0)
    if exists == true { return }
    // Numbers of our own making: a definition takes no parameters.
    let seconds = (day * 86_400, (day + 1) * 86_400)
    try connection.inTransaction { connection in
      try connection.execute("SELECT pg_advisory_xact_lock($1)", [.int(Self.lockKey)])
      try connection.executeScript(
        """
        CREATE TABLE IF NOT EXISTS poolhub.\(name) PARTITION OF poolhub.matches
        FOR VALUES FROM (to_timestamp(\(seconds.0))) TO (to_timestamp(\(seconds.1)))
        """)
    }
  }
}
