import Domain
import Postgres
import Trust

/// The statements behind `PostgresFeedbackStore`, each for a whole batch at once. Its arrays become rows by
/// `SELECT unnest(…), unnest(…)`, in step; `FROM unnest(…, …)` would first store each column by itself.
enum FeedbackTables {
  /// Has everything of this transaction looked up by its keys. A prepared statement's plan is kept: one that was
  /// made while the tables were small would read them whole, with each row held against the whole batch, long after they have grown.
  static func planForGrowth(on connection: inout PostgresConnection) throws(PostgresError) {
    try connection.executeScript(
      """
      SET LOCAL enable_seqscan = off; SET LOCAL enable_hashjoin = off;
      SET LOCAL enable_mergejoin = off
      """)
  }

  // MARK: Reading

  /// Locks the trust of the reports' miners, in id order, and reads their evidence. Unknown miners
  /// are left out.
  static func lockMiners(
    of reports: [FeedbackReport], on connection: inout PostgresConnection
  ) throws(PostgresError) -> [MinerID: MinerEvidence] {
    let ids = PostgresValue.texts(Set(reports.map(\.minerID)).map(\.text))
    try connection.execute(
      """
      INSERT INTO poolhub.trust_totals (miner_id, good, bad, score, version)
      WITH fresh AS MATERIALIZED (
        SELECT u.miner_id FROM (SELECT unnest($1::text[]) AS miner_id) AS u
        WHERE NOT EXISTS (SELECT FROM poolhub.trust_totals t WHERE t.miner_id = u.miner_id))
      SELECT miner_id, 0, 0, 0.5, 0 FROM fresh JOIN poolhub.miners USING (miner_id)
      ORDER BY miner_id ON CONFLICT DO NOTHING
      """, [ids])
    let totals = try connection.execute(
      """
      SELECT miner_id, score, good, bad, version FROM poolhub.trust_totals
      WHERE miner_id = ANY ($1) ORDER BY miner_id FOR UPDATE
      """, [ids])
    let pairs = try evidence(of: ids, on: &connection)
    var miners: [MinerID: MinerEvidence] = [:]
    for row in totals.rows {
      let id = try minerID(row, 0)
      let trust = MinerTrust(
        score: try row.double(1), good: try row.double(2), bad: try row.double(3),
        version: try row.int(4))
      miners[id] = MinerEvidence(trust: trust, byCoordinator: pairs[id] ?? [:])
    }
    return miners
  }

  private static func evidence(
    of ids: PostgresValue, on connection: inout PostgresConnection
  ) throws(PostgresError) -> [MinerID: [String: Evidence]] {
    let result = try connection.execute(
      """
      SELECT miner_id, coordinator, good, bad, updated_at, day, day_good, day_bad
      FROM poolhub.trust
      WHERE miner_id = ANY ($1)
      """, [ids])
    var pairs: [MinerID: [String: Evidence]] = [:]
    for row in result.rows {
      pairs[try minerID(row, 0), default: [:]][try row.text(1)] = Evidence(
        good: try row.double(2), bad: try row.double(3), updatedAt: try row.timestamp(4),
        today: try daily(row, from: 5))
    }
    return pairs
  }

  /// Locks what the reports' coordinators have added, in the order of their names, and reads it.
  static func lockCoordinators(
    of reports: [FeedbackReport], on connection: inout PostgresConnection
  ) throws(PostgresError) -> [String: DailyEvidence] {
    let names = PostgresValue.texts(Array(Set(reports.map(\.coordinator))))
    try connection.execute(
      """
      INSERT INTO poolhub.coordinator_days (coordinator, day, good, bad)
      SELECT name, 0, 0, 0 FROM unnest($1::text[]) AS name
      ORDER BY name COLLATE "C" ON CONFLICT DO NOTHING
      """, [names])
    let result = try connection.execute(
      """
      SELECT coordinator, day, good, bad FROM poolhub.coordinator_days
      WHERE coordinator = ANY ($1) ORDER BY coordinator FOR UPDATE
      """, [names])
    var coordinators: [String: DailyEvidence] = [:]
    for row in result.rows { coordinators[try row.text(0)] = try daily(row, from: 1) }
    return coordinators
  }

  /// The time by the database's clock, the same for all scorers, and ids for `count` reports.
  static func clock(
    count: Int, on connection: inout PostgresConnection
  ) throws(PostgresError) -> (now: Timestamp, reportIDs: [Int64]) {
    let result = try connection.execute(
      """
      SELECT nextval('poolhub.feedback_id_seq'), clock_timestamp() FROM generate_series(1, $1)
      """, [.int(Int64(count))])
    var reportIDs: [Int64] = []
    var now = Timestamp.distantPast
    for row in result.rows {
      reportIDs.append(try row.int(0))
      now = try row.timestamp(1)
    }
    return (now, reportIDs)
  }

  /// Those of the reports that were counted before.
  static func counted(
    _ reports: [FeedbackReport], on connection: inout PostgresConnection
  ) throws(PostgresError) -> [FeedbackBatch.Subject: FeedbackBatch.Counted] {
    let result = try connection.execute(
      """
      SELECT u.n, f.id, f.miner_id, f.trust_before, f.trust_after, f.weight
      FROM (
        SELECT unnest($1::text[]) AS coordinator, unnest($2::text[]) AS job_id,
          unnest($3::text[]) AS miner_id, unnest($4::text[]) AS outcome,
          generate_series(1, cardinality($1::text[])) AS n
      ) AS u
      JOIN poolhub.feedback f USING (coordinator, job_id, miner_id, outcome)
      """,
      [
        .texts(reports.map(\.coordinator)), .texts(reports.map(\.jobID)),
        .texts(reports.map(\.minerID.text)), .texts(reports.map(\.outcome.rawValue)),
      ])
    var counted: [FeedbackBatch.Subject: FeedbackBatch.Counted] = [:]
    for row in result.rows {
      let report = reports[Int(try row.int(0)) - 1]
      counted[FeedbackBatch.Subject(report)] = try self.counted(row, from: 1)
    }
    return counted
  }

  /// What the reports' idempotency keys stand for, alive or not.
  static func keys(
    of reports: [FeedbackReport], on connection: inout PostgresConnection
  ) throws(PostgresError) -> [FeedbackBatch.KeyName: FeedbackBatch.KeyUse] {
    let keyed = reports.filter { $0.idempotencyKey != nil }
    if keyed.isEmpty { return [:] }
    let result = try connection.execute(
      """
      SELECT k.coordinator, k.key, k.body, k.created_at,
        f.id, f.miner_id, f.trust_before, f.trust_after, f.weight
      FROM (SELECT DISTINCT * FROM unnest($1::text[], $2::text[]) AS d (coordinator, key)) u
      JOIN poolhub.idempotency_keys k USING (coordinator, key)
      JOIN poolhub.feedback f ON f.id = k.feedback_id
      """, [.texts(keyed.map(\.coordinator)), .texts(keyed.map(\.idempotencyKey))])
    var keys: [FeedbackBatch.KeyName: FeedbackBatch.KeyUse] = [:]
    for row in result.rows {
      let name = FeedbackBatch.KeyName(coordinator: try row.text(0), key: try row.text(1))
      keys[name] = FeedbackBatch.KeyUse(
        body: try row.bytes(2), counted: try counted(row, from: 4), usedAt: try row.timestamp(3))
    }
    return keys
  }

  // MARK: Writing

  static func insert(
    _ reports: [FeedbackBatch.NewReport], at now: Timestamp,
    on connection: inout PostgresConnection
  ) throws(PostgresError) {
    if reports.isEmpty { return }
    try connection.execute(
      """
      INSERT INTO poolhub.feedback (id, coordinator, job_id, miner_id, outcome, latency_ms,
        fail_code, tokens_spent, weight, trust_before, trust_after, offered_price_units,
        created_at, offered_at)
      OVERRIDING SYSTEM VALUE
      SELECT unnest($1::bigint[]), unnest($2::text[]), unnest($3::text[]), unnest($4::text[]),
        unnest($5::text[]), unnest($6::float8[]), unnest($7::text[]), unnest($8::bigint[]),
        unnest($9::float8[]), unnest($10::float8[]), unnest($11::float8[]), unnest($12::bigint[]),
        $14::timestamptz, to_timestamp(unnest($13::bigint[]) / 1000.0)
      """,
      [
        .ints(reports.map(\.counted.id)), .texts(reports.map(\.report.coordinator)),
        .texts(reports.map(\.report.jobID)), .texts(reports.map(\.report.minerID.text)),
        .texts(reports.map(\.report.outcome.rawValue)),
        .doubles(reports.map(\.report.latencyMilliseconds)),
        .texts(reports.map(\.report.failCode)), .ints(reports.map(\.report.tokensSpent)),
        .doubles(reports.map(\.counted.weight)), .doubles(reports.map(\.counted.trustBefore)),
        .doubles(reports.map(\.counted.trustAfter)),
        .ints(reports.map(\.report.offer?.price.units)),
        .ints(reports.map(\.report.offer?.madeAt.milliseconds)), .timestamp(now),
      ])
  }

  /// Writes the changed pairs and the totals of the changed miners.
  static func updateTrust(
    _ changed: [MinerID], of batch: FeedbackBatch, on connection: inout PostgresConnection
  ) throws(PostgresError) {
    if changed.isEmpty { return }
    try insert(batch.newPairs, of: batch, on: &connection)
    try update(batch.changedPairs.subtracting(batch.newPairs), of: batch, on: &connection)
    let totals = changed.map { batch.miners[$0]?.trust ?? .none }
    try connection.execute(
      """
      UPDATE poolhub.trust_totals t
      SET good = u.good, bad = u.bad, score = u.score, version = u.version
      FROM (
        SELECT unnest($1::text[]) AS miner_id, unnest($2::float8[]) AS good,
          unnest($3::float8[]) AS bad, unnest($4::float8[]) AS score,
          unnest($5::bigint[]) AS version
      ) AS u
      WHERE t.miner_id = u.miner_id
      """,
      [
        .texts(changed.map(\.text)), .doubles(totals.map(\.good)), .doubles(totals.map(\.bad)),
        .doubles(totals.map(\.score)), .ints(totals.map(\.version)),
      ])
  }

  private static let pairRows = """
    SELECT unnest($1::text[]) AS miner_id, unnest($2::text[]) AS coordinator,
      unnest($3::float8[]) AS good, unnest($4::float8[]) AS bad,
      unnest($5::timestamptz[]) AS updated_at, unnest($6::bigint[]) AS day,
      unnest($7::float8[]) AS day_good, unnest($8::float8[]) AS day_bad
    """

  private static func insert(
    _ pairs: Set<FeedbackBatch.Pair>, of batch: FeedbackBatch,
    on connection: inout PostgresConnection
  ) throws(PostgresError) {
    if pairs.isEmpty { return }
    try connection.execute(
      """
      INSERT INTO poolhub.trust (miner_id, coordinator, good, bad, updated_at,
        day, day_good, day_bad)
      \(pairRows)
      """, values(of: pairs, in: batch))
  }

  /// Half of what an `ON CONFLICT` takes: their miners' locks keep the rows where they were read.
  private static func update(
    _ pairs: Set<FeedbackBatch.Pair>, of batch: FeedbackBatch,
    on connection: inout PostgresConnection
  ) throws(PostgresError) {
    if pairs.isEmpty { return }
    try connection.execute(
      """
      UPDATE poolhub.trust t
      SET good = u.good, bad = u.bad, updated_at = u.updated_at,
        day = u.day, day_good = u.day_good, day_bad = u.day_bad
      FROM (\(pairRows)) AS u
      WHERE t.miner_id = u.miner_id AND t.coordinator = u.coordinator
      """, values(of: pairs, in: batch))
  }

  private static func values(
    of pairs: Set<FeedbackBatch.Pair>, in batch: FeedbackBatch
  ) -> [PostgresValue] {
    let pairs = pairs.map { pair in
      (pair, batch.miners[pair.minerID]?.evidence(of: pair.coordinator) ?? .none)
    }
    return [
      .texts(pairs.map(\.0.minerID.text)), .texts(pairs.map(\.0.coordinator)),
      .doubles(pairs.map(\.1.good)), .doubles(pairs.map(\.1.bad)),
      .timestamps(pairs.map(\.1.updatedAt)), .ints(pairs.map(\.1.today.day)),
      .doubles(pairs.map(\.1.today.good)), .doubles(pairs.map(\.1.today.bad)),
    ]
  }

  /// Writes what the batch's coordinators have added by now.
  static func updateCoordinators(
    of batch: FeedbackBatch, on connection: inout PostgresConnection
  ) throws(PostgresError) {
    let changed = Array(batch.changedCoordinators)
    if changed.isEmpty { return }
    let days = changed.map { batch.coordinators[$0] ?? .none }
    try connection.execute(
      """
      UPDATE poolhub.coordinator_days c SET day = u.day, good = u.good, bad = u.bad
      FROM unnest($1::text[], $2::bigint[], $3::float8[], $4::float8[])
        AS u (coordinator, day, good, bad)
      WHERE c.coordinator = u.coordinator
      """,
      [
        .texts(changed), .ints(days.map(\.day)), .doubles(days.map(\.good)),
        .doubles(days.map(\.bad)),
      ])
  }

  /// - Returns: false when another batch took one of the keys since they were read.
  static func insert(
    _ keys: [FeedbackBatch.KeyName: FeedbackBatch.KeyUse], at now: Timestamp,
    on connection: inout PostgresConnection
  ) throws(PostgresError) -> Bool {
    if keys.isEmpty { return true }
    let expired = now.advanced(byMilliseconds: -FeedbackBatch.keyLifetimeMilliseconds)
    let uses = Array(keys)
    return try connection.execute(
      """
      INSERT INTO poolhub.idempotency_keys AS k (coordinator, key, body, feedback_id, created_at)
      SELECT u.*, $5::timestamptz FROM unnest($1::text[], $2::text[], $3::bytea[], $4::bigint[])
        AS u (coordinator, key, body, feedback_id)
      ORDER BY u.coordinator COLLATE "C", u.key COLLATE "C"
      ON CONFLICT (coordinator, key) DO UPDATE
      SET body = excluded.body, feedback_id = excluded.feedback_id,
        created_at = excluded.created_at
      WHERE k.created_at <= $6
      """,
      [
        .texts(uses.map(\.key.coordinator)), .texts(uses.map(\.key.key)),
        .byteStrings(uses.map(\.value.body)), .ints(uses.map(\.value.counted.id)),
        .timestamp(now), .timestamp(expired),
      ]
    ).affectedCount == uses.count
  }

  // MARK: Rows

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
