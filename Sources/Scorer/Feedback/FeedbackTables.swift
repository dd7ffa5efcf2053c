import Domain
import Postgres
import Trust

/// What `PostgresFeedbackStore` reads about a batch, and `FeedbackTables+Writing` writes: each in one round
/// trip, since a commit holds up everybody behind it.
///
/// Its arrays become rows by `SELECT unnest(…), unnest(…)`, in step; `FROM unnest(…, …)` would first store
/// each column by itself.
enum FeedbackTables {
  /// All that is stored about a batch's reports, under the locks of its transaction.
  struct Stored {
    /// Unknown ones are left out.
    var miners: [MinerID: MinerEvidence] = [:]
    var coordinators: [String: DailyEvidence] = [:]
    /// The time by the database's clock, the same for all scorers.
    var now = Timestamp.distantPast
    /// One for each report that may be new, ascending.
    var ids: [Int64] = []
    /// Those of the reports that were counted before.
    var counted: [FeedbackBatch.Subject: FeedbackBatch.Counted] = [:]
    /// What the reports' idempotency keys stand for, alive or not.
    var keys: [FeedbackBatch.KeyName: FeedbackBatch.KeyUse] = [:]
  }

  /// Locks the trust of the reports' miners, in id order, then what their coordinators have added, in the
  /// order of their names. What is read comes behind, so it is after everything that was committed on these
  /// before.
  static func read(
    _ reports: [FeedbackReport], on connection: inout PostgresConnection
  ) throws(PostgresError) -> Stored {
    let minerIDs = PostgresValue.texts(Set(reports.map(\.minerID)).map(\.text))
    let coordinators = PostgresValue.texts(Array(Set(reports.map(\.coordinator))))
    let keyed = reports.filter { $0.idempotencyKey != nil }
    let results = try connection.execute(together: [
      PostgresStatement(planForGrowth),
      PostgresStatement(addMiners, [minerIDs]), PostgresStatement(lockMiners, [minerIDs]),
      PostgresStatement(addCoordinators, [coordinators]),
      PostgresStatement(lockCoordinators, [coordinators]),
      PostgresStatement(pairs, [minerIDs]),
      PostgresStatement(clock, [.int(Int64(reports.count))]),
      PostgresStatement(counted, subjects(of: reports)),
      PostgresStatement(
        keys, [.texts(keyed.map(\.coordinator)), .texts(keyed.map(\.idempotencyKey))]),
    ])
    var stored = Stored()
    stored.miners = try miners(in: results[2], pairs: try pairs(in: results[5]))
    for row in results[4].rows {
      stored.coordinators[try row.text(0)] = try daily(row, from: 1)
    }
    for row in results[6].rows {
      stored.ids.append(try row.int(0))
      stored.now = try row.timestamp(1)
    }
    for row in results[7].rows {
      let report = reports[Int(try row.int(0)) - 1]
      stored.counted[FeedbackBatch.Subject(report)] = try counted(row, from: 1)
    }
    for row in results[8].rows {
      let name = FeedbackBatch.KeyName(coordinator: try row.text(0), key: try row.text(1))
      stored.keys[name] = FeedbackBatch.KeyUse(
        body: try row.bytes(2), counted: try counted(row, from: 4), usedAt: try row.timestamp(3))
    }
    return stored
  }

  // MARK: Statements

  /// Has everything of this transaction looked up by its keys. A prepared statement's plan is kept: one that was
  /// made while the tables were small would read them whole, with each row held against the whole batch, long after they have grown.
  private static let planForGrowth = """
    SELECT set_config('enable_seqscan', 'off', true), set_config('enable_hashjoin', 'off', true),
      set_config('enable_mergejoin', 'off', true)
    """

  private static let addMiners = """
    INSERT INTO poolhub.trust_totals (miner_id, good, bad, score, version)
    WITH fresh AS MATERIALIZED (
      SELECT u.miner_id FROM (SELECT unnest($1::text[]) AS miner_id) AS u
      WHERE NOT EXISTS (SELECT FROM poolhub.trust_totals t WHERE t.miner_id = u.miner_id))
    SELECT miner_id, 0, 0, 0.5, 0 FROM fresh JOIN poolhub.miners USING (miner_id)
    ORDER BY miner_id ON CONFLICT DO NOTHING
    """

  private static let lockMiners = """
    SELECT miner_id, score, good, bad, version FROM poolhub.trust_totals
    WHERE miner_id = ANY ($1) ORDER BY miner_id FOR UPDATE
    """

  private static let addCoordinators = """
    INSERT INTO poolhub.coordinator_days (coordinator, day, good, bad)
    SELECT name, 0, 0, 0 FROM unnest($1::text[]) AS name
    ORDER BY name COLLATE "C" ON CONFLICT DO NOTHING
    """

  private static let lockCoordinators = """
    SELECT coordinator, day, good, bad FROM poolhub.coordinator_days
    WHERE coordinator = ANY ($1) ORDER BY coordinator FOR UPDATE
    """

  private static let pairs = """
    SELECT miner_id, coordinator, good, bad, updated_at, day, day_good, day_bad
    FROM poolhub.trust
    WHERE miner_id = ANY ($1)
    """

  private static let clock = """
    SELECT nextval('poolhub.feedback_id_seq'), clock_timestamp() FROM generate_series(1, $1)
    """

  private static let counted = """
    SELECT u.n, f.id, f.miner_id, f.trust_before, f.trust_after, f.weight
    FROM (
      SELECT unnest($1::text[]) AS coordinator, unnest($2::text[]) AS job_id,
        unnest($3::text[]) AS miner_id, unnest($4::text[]) AS outcome,
        generate_series(1, cardinality($1::text[]))::bigint AS n
    ) AS u
    JOIN poolhub.feedback f USING (coordinator, job_id, miner_id, outcome)
    """

  private static let keys = """
    SELECT k.coordinator, k.key, k.body, k.created_at,
      f.id, f.miner_id, f.trust_before, f.trust_after, f.weight
    FROM (SELECT DISTINCT * FROM unnest($1::text[], $2::text[]) AS d (coordinator, key)) u
    JOIN poolhub.idempotency_keys k USING (coordinator, key)
    JOIN poolhub.feedback f ON f.id = k.feedback_id
    """

  private static func subjects(of reports: [FeedbackReport]) -> [PostgresValue] {
    [
      .texts(reports.map(\.coordinator)), .texts(reports.map(\.jobID)),
      .texts(reports.map(\.minerID.text)), .texts(reports.map(\.outcome.rawValue)),
    ]
  }

  // MARK: Rows

  private static func miners(
    in result: PostgresResult, pairs: [MinerID: [String: Evidence]]
  ) throws(PostgresError) -> [MinerID: MinerEvidence] {
    var miners: [MinerID: MinerEvidence] = [:]
    for row in result.rows {
      let id = try minerID(row, 0)
      let trust = MinerTrust(
        score: try row.double(1), good: try row.double(2), bad: try row.double(3),
        version: try row.int(4))
      miners[id] = MinerEvidence(trust: trust, byCoordinator: pairs[id] ?? [:])
    }
    return miners
  }

  private static func pairs(
    in result: PostgresResult
  ) throws(PostgresError) -> [MinerID: [String: Evidence]] {
    var pairs: [MinerID: [String: Evidence]] = [:]
    for row in result.rows {
      pairs[try minerID(row, 0), default: [:]][try row.text(1)] = Evidence(
        good: try row.double(2), bad: try row.double(3), updatedAt: try row.timestamp(4),
        today: try daily(row, from: 5))
    }
    return pairs
  }

  private static func counted(
    _ row: PostgresRow, from column: Int
  ) throws(PostgresError) -> FeedbackBatch.Counted {
    FeedbackBatch.Counted(
      id: try row.int(column), minerID: try minerID(row, column + 1),
      trustBefore: try row.double(column + 2), trustAfter: try row.double(column + 3),
      weight: try row.double(column + 4))
  }

  private static func daily(
    _ row: PostgresRow, from column: Int
  ) throws(PostgresError) -> DailyEvidence {
    DailyEvidence(
      day: try row.int(column), good: try row.double(column + 1), bad: try row.double(column + 2))
  }

  private static func minerID(
    _ row: PostgresRow, _ column: Int
  ) throws(PostgresError) -> MinerID {
    let text = try row.text(column)
    guard let id = MinerID(text) else {
      throw PostgresError(.unexpectedResult, "\(text) is no miner id")
    }
    return id
  }
}
