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

  /// Writes all that a batch has changed, and commits unless there are keys to be looked at first.
  ///
  /// - Parameters:
  ///   - places: where the rows lie that it was made from.
  ///   - payload: what the outbox is to hold; nil: nothing.
  static func write(
    _ batch: FeedbackBatch, over places: Places, payload: [UInt8]?,
    on connection: inout PostgresConnection
  ) throws(PostgresError) -> Written {
    var statements: [PostgresStatement] = []
    if !batch.newReports.isEmpty {
      statements.append(PostgresStatement(addReports, values(of: batch.newReports, at: batch.now)))
    }
    let newPairs = batch.changedPairs.filter { places.pairs[$0] == nil }
    if !newPairs.isEmpty {
      statements.append(PostgresStatement(addPairs, values(of: newPairs, in: batch)))
    }
    let known = batch.changedPairs.compactMap { pair in places.pairs[pair].map { (pair, $0) } }
    if !known.isEmpty {
      let values = [.places(known.map(\.1))] + evidence(of: known.map(\.0), in: batch)
      statements.append(PostgresStatement(updatePairs, values))
    }
    if !batch.changedMiners.isEmpty {
      statements += [
        PostgresStatement(updateTotals, totals(in: batch, places)),
        PostgresStatement(updateCoordinators, coordinators(in: batch)),
      ]
    }
    let keysPlace = statements.count
    if !batch.newKeys.isEmpty {
      statements.append(PostgresStatement(addKeys, values(of: batch.newKeys, at: batch.now)))
    }
    if let payload { statements.append(PostgresOutbox.insertion(of: payload)) }
    let results = try connection.execute(
      together: statements, committing: batch.newKeys.isEmpty)
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

  private static let addPairs = """
    INSERT INTO poolhub.trust (miner_id, coordinator, good, bad, updated_at,
      day, day_good, day_bad)
    SELECT unnest($1::text[]), unnest($2::text[]), unnest($3::float8[]), unnest($4::float8[]),
      unnest($5::timestamptz[]), unnest($6::bigint[]), unnest($7::float8[]), unnest($8::float8[])
    """

  private static func values(
    of pairs: Set<FeedbackBatch.Pair>, in batch: FeedbackBatch
  ) -> [PostgresValue] {
    let pairs = Array(pairs)
    return [.texts(pairs.map(\.minerID.text)), .texts(pairs.map(\.coordinator))]
      + evidence(of: pairs, in: batch)
  }

  /// By place it takes a third less than by key.
  private static let updatePairs = """
    UPDATE poolhub.trust t
    SET good = u.good, bad = u.bad, updated_at = u.updated_at,
      day = u.day, day_good = u.day_good, day_bad = u.day_bad
    FROM (
      SELECT unnest($1::tid[]) AS place, unnest($2::float8[]) AS good, unnest($3::float8[]) AS bad,
        unnest($4::timestamptz[]) AS updated_at, unnest($5::bigint[]) AS day,
        unnest($6::float8[]) AS day_good, unnest($7::float8[]) AS day_bad
    ) AS u
    WHERE t.ctid = u.place
    """

  private static func evidence(
    of pairs: [FeedbackBatch.Pair], in batch: FeedbackBatch
  ) -> [PostgresValue] {
    let evidence = pairs.map {
      batch.miners[$0.minerID]?.evidence(of: $0.coordinator) ?? .none
    }
    return [
      .doubles(evidence.map(\.good)), .doubles(evidence.map(\.bad)),
      .timestamps(evidence.map(\.updatedAt)), .ints(evidence.map(\.today.day)),
      .doubles(evidence.map(\.today.good)), .doubles(evidence.map(\.today.bad)),
    ]
  }

  private static let updateTotals = """
    UPDATE poolhub.trust_totals t
    SET good = u.good, bad = u.bad, score = u.score, version = u.version
    FROM (
      SELECT unnest($1::tid[]) AS place, unnest($2::float8[]) AS good,
        unnest($3::float8[]) AS bad, unnest($4::float8[]) AS score,
        unnest($5::bigint[]) AS version
    ) AS u
    WHERE t.ctid = u.place
    """

  private static func totals(in batch: FeedbackBatch, _ places: Places) -> [PostgresValue] {
    let changed = batch.changedMiners.compactMap { id in
      places.totals[id].map { (place: $0, trust: batch.miners[id]?.trust ?? .none) }
    }
    return [
      .places(changed.map(\.place)), .doubles(changed.map(\.trust.good)),
      .doubles(changed.map(\.trust.bad)), .doubles(changed.map(\.trust.score)),
      .ints(changed.map(\.trust.version)),
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
