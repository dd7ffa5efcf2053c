import Domain
import Postgres
import Trust

/// What `PostgresFeedbackStore` reads about a batch, and `FeedbackTables+Writing` writes: each in one round
/// trip, BEGIN and COMMIT included, since a transaction holds up everybody behind it.
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
    var places = Places()
  }

  /// Where the rows lie that a batch may write again. Their miners' locks keep them there.
  struct Places {
    var totals: [MinerID: RowPlace] = [:]
    /// Of the pairs that something is stored about.
    var pairs: [FeedbackBatch.Pair: RowPlace] = [:]
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
      .byKeys, PostgresStatement(lockMiners, [minerIDs]),
      PostgresStatement(addCoordinators, [coordinators]),
      PostgresStatement(lockCoordinators, [coordinators]),
      PostgresStatement(pairs, [minerIDs]),
      PostgresStatement(clock, [.int(Int64(reports.count))]),
      PostgresStatement(counted, subjects(of: reports)),
      PostgresStatement(
        keys, [.texts(keyed.map(\.coordinator)), .texts(keyed.map(\.idempotencyKey))]),
    ])
    var stored = Stored()
    var pairs: [MinerID: [String: Evidence]] = [:]
    for row in results[4].rows {
      let pair = FeedbackBatch.Pair(minerID: try minerID(row, 1), coordinator: try row.text(2))
      pairs[pair.minerID, default: [:]][pair.coordinator] = try evidence(row, from: 3)
      stored.places.pairs[pair] = try row.place(0)
    }
    for row in results[1].rows {
      let id = try minerID(row, 1)
      stored.miners[id] = MinerEvidence(
        trust: try trust(row, from: 2), byCoordinator: pairs[id] ?? [:])
      stored.places.totals[id] = try row.place(0)
    }
    for row in results[3].rows {
      stored.coordinators[try row.text(0)] = try daily(row, from: 1)
    }
    for row in results[5].rows {
      stored.ids.append(try row.int(0))
      stored.now = try row.timestamp(1)
    }
    for row in results[6].rows {
      let report = reports[Int(try row.int(0)) - 1]
      stored.counted[FeedbackBatch.Subject(report)] = try counted(row, from: 1)
    }
    for row in results[7].rows {
      let name = FeedbackBatch.KeyName(coordinator: try row.text(0), key: try row.text(1))
      stored.keys[name] = FeedbackBatch.KeyUse(
        body: try row.bytes(2), counted: try counted(row, from: 4), usedAt: try row.timestamp(3))
    }
    return stored
  }

  // MARK: Statements

  private static let lockMiners = """
    SELECT ctid, miner_id, score, good, bad, version FROM poolhub.trust_totals
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
    SELECT ctid, miner_id, coordinator, good, bad, updated_at, day, day_good, day_bad
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

  private static func trust(
    _ row: PostgresRow, from column: Int
  ) throws(PostgresError) -> MinerTrust {
    MinerTrust(
      score: try row.double(column), good: try row.double(column + 1),
      bad: try row.double(column + 2), version: try row.int(column + 3))
  }

  private static func evidence(
    _ row: PostgresRow, from column: Int
  ) throws(PostgresError) -> Evidence {
    Evidence(
      good: try row.double(column), bad: try row.double(column + 1),
      updatedAt: try row.timestamp(column + 2), today: try daily(row, from: column + 3))
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
