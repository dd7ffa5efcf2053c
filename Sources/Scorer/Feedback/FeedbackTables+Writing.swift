import Domain
import Postgres
import Trust

extension FeedbackTables {
  /// What became of a batch's rows.
  struct Written {
    /// The outbox row, if there was anything to tell.
    var outboxID: Int64?
    /// Another batch took one of the keys since they were read.
    var isKeyTaken: Bool
  }

  /// Writes all that a batch has changed.
  ///
  /// - Parameter payload: what the outbox is to hold; nil: nothing.
  static func write(
    _ batch: FeedbackBatch, payload: [UInt8]?, on connection: inout PostgresConnection
  ) throws(PostgresError) -> Written {
    var statements: [PostgresStatement] = []
    if !batch.newReports.isEmpty {
      statements.append(PostgresStatement(addReports, values(of: batch.newReports, at: batch.now)))
    }
    let known = batch.changedPairs.subtracting(batch.newPairs)
    if !batch.newPairs.isEmpty {
      statements.append(PostgresStatement(addPairs, values(of: batch.newPairs, in: batch)))
    }
    if !known.isEmpty {
      statements.append(PostgresStatement(updatePairs, values(of: known, in: batch)))
    }
    if !batch.changedMiners.isEmpty {
      statements += [
        PostgresStatement(updateTotals, totals(in: batch)),
        PostgresStatement(updateCoordinators, coordinators(in: batch)),
      ]
    }
    let keysPlace = statements.count
    if !batch.newKeys.isEmpty {
      statements.append(PostgresStatement(addKeys, values(of: batch.newKeys, at: batch.now)))
    }
    if let payload { statements.append(PostgresOutbox.insertion(of: payload)) }
    if statements.isEmpty { return Written(isKeyTaken: false) }
    let results = try connection.execute(together: statements)
    let isKeyTaken =
      !batch.newKeys.isEmpty && results[keysPlace].affectedCount != batch.newKeys.count
    var outboxID: Int64?
    if payload != nil, let last = results.last { outboxID = try PostgresOutbox.id(in: last) }
    return Written(outboxID: outboxID, isKeyTaken: isKeyTaken)
  }

  // MARK: Reports

  private static let addReports = """
    INSERT INTO poolhub.feedback (id, coordinator, job_id, miner_id, outcome, latency_ms,
      fail_code, tokens_spent, weight, trust_before, trust_after, offered_price_units,
      created_at, offered_at)
    OVERRIDING SYSTEM VALUE
    SELECT unnest($1::bigint[]), unnest($2::text[]), unnest($3::text[]), unnest($4::text[]),
      unnest($5::text[]), unnest($6::float8[]), unnest($7::text[]), unnest($8::bigint[]),
      unnest($9::float8[]), unnest($10::float8[]), unnest($11::float8[]), unnest($12::bigint[]),
      $14::timestamptz, to_timestamp(unnest($13::bigint[]) / 1000.0)
    """

  private static func values(
    of reports: [FeedbackBatch.NewReport], at now: Timestamp
  ) -> [PostgresValue] {
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
    ]
  }

  // MARK: Evidence

  private static let pairRows = """
    SELECT unnest($1::text[]) AS miner_id, unnest($2::text[]) AS coordinator,
      unnest($3::float8[]) AS good, unnest($4::float8[]) AS bad,
      unnest($5::timestamptz[]) AS updated_at, unnest($6::bigint[]) AS day,
      unnest($7::float8[]) AS day_good, unnest($8::float8[]) AS day_bad
    """

  private static let addPairs = """
    INSERT INTO poolhub.trust (miner_id, coordinator, good, bad, updated_at,
      day, day_good, day_bad)
    \(pairRows)
    """

  /// Half of what an `ON CONFLICT` takes: their miners' locks keep the rows where they were read.
  private static let updatePairs = """
    UPDATE poolhub.trust t
    SET good = u.good, bad = u.bad, updated_at = u.updated_at,
      day = u.day, day_good = u.day_good, day_bad = u.day_bad
    FROM (\(pairRows)) AS u
    WHERE t.miner_id = u.miner_id AND t.coordinator = u.coordinator
    """

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

  private static let updateTotals = """
    UPDATE poolhub.trust_totals t
    SET good = u.good, bad = u.bad, score = u.score, version = u.version
    FROM (
      SELECT unnest($1::text[]) AS miner_id, unnest($2::float8[]) AS good,
        unnest($3::float8[]) AS bad, unnest($4::float8[]) AS score,
        unnest($5::bigint[]) AS version
    ) AS u
    WHERE t.miner_id = u.miner_id
    """

  private static func totals(in batch: FeedbackBatch) -> [PostgresValue] {
    let changed = Array(batch.changedMiners)
    let totals = changed.map { batch.miners[$0]?.trust ?? .none }
    return [
      .texts(changed.map(\.text)), .doubles(totals.map(\.good)), .doubles(totals.map(\.bad)),
      .doubles(totals.map(\.score)), .ints(totals.map(\.version)),
    ]
  }

  private static let updateCoordinators = """
    UPDATE poolhub.coordinator_days c SET day = u.day, good = u.good, bad = u.bad
    FROM unnest($1::text[], $2::bigint[], $3::float8[], $4::float8[])
      AS u (coordinator, day, good, bad)
    WHERE c.coordinator = u.coordinator
    """

  private static func coordinators(in batch: FeedbackBatch) -> [PostgresValue] {
    let changed = Array(batch.changedCoordinators)
    let days = changed.map { batch.coordinators[$0] ?? .none }
    return [
      .texts(changed), .ints(days.map(\.day)), .doubles(days.map(\.good)),
      .doubles(days.map(\.bad)),
    ]
  }

  // MARK: Idempotency keys

  /// Takes over those that have expired; others that are there by now stay as they are.
  private static let addKeys = """
    INSERT INTO poolhub.idempotency_keys AS k (coordinator, key, body, feedback_id, created_at)
    SELECT u.*, $5::timestamptz FROM unnest($1::text[], $2::text[], $3::bytea[], $4::bigint[])
      AS u (coordinator, key, body, feedback_id)
    ORDER BY u.coordinator COLLATE "C", u.key COLLATE "C"
    ON CONFLICT (coordinator, key) DO UPDATE
    SET body = excluded.body, feedback_id = excluded.feedback_id,
      created_at = excluded.created_at
    WHERE k.created_at <= $6
    """

  private static func values(
    of keys: [FeedbackBatch.KeyName: FeedbackBatch.KeyUse], at now: Timestamp
  ) -> [PostgresValue] {
    let expired = now.advanced(byMilliseconds: -FeedbackBatch.keyLifetimeMilliseconds)
    let uses = Array(keys)
    return [
      .texts(uses.map(\.key.coordinator)), .texts(uses.map(\.key.key)),
      .byteStrings(uses.map(\.value.body)), .ints(uses.map(\.value.counted.id)),
      .timestamp(now), .timestamp(expired),
    ]
  }
}
