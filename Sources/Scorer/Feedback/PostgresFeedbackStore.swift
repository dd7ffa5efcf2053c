import Domain
import Postgres
import Trust

/// Feedback in PostgreSQL: the report with the weight that it got, the evidence, the miner's trust
/// and the outbox row of each batch are one transaction. Its round trips don't grow with the batch.
///
/// Rows are locked in the order miners (by id), coordinators (by name), idempotency keys (by coordinator
/// and key), so that no two batches wait for each other.
package struct PostgresFeedbackStore: FeedbackStore {
  /// Packs miners' new trust for the outbox.
  package typealias Encode = @Sendable ([(MinerID, MinerTrust)]) -> [UInt8]

  /// How often a batch starts over because another one got in its way.
  private static let attemptLimit = 3

  private let pool: PostgresPool
  private let rule: TrustRule
  private let encode: Encode

  package init(pool: PostgresPool, rule: TrustRule = .standard, encode: @escaping Encode) {
    self.pool = pool
    self.rule = rule
    self.encode = encode
  }

  /// The caller bounds the batch: all of it is one transaction.
  ///
  /// - Throws: `PostgresError`; `isUnavailable` tells whether the same may work later.
  package func record(
    _ reports: [FeedbackReport]
  ) async throws -> [Result<RecordedFeedback, FeedbackError>] {
    if reports.isEmpty { return [] }
    return try await pool.run { connection in
      var attempt = 1
      while true {
        do {
          return try connection.inTransaction { try record(reports, on: &$0) }
        } catch is KeyTaken where attempt < Self.attemptLimit {
          attempt += 1
        } catch let error as PostgresError where error.isConflict && attempt < Self.attemptLimit {
          attempt += 1
        } catch is KeyTaken {
          throw PostgresError(.busy, "idempotency keys kept changing")
        }
      }
    }
  }

  /// Deletes idempotency keys that no longer stand for anything, at most `limit` of them.
  /// - Returns: how many.
  package func deleteExpiredKeys(limit: Int) async throws -> Int {
    try await pool.run { connection in
      try connection.execute(
        """
        DELETE FROM poolhub.idempotency_keys WHERE (coordinator, key) IN (
          SELECT coordinator, key FROM poolhub.idempotency_keys
          WHERE created_at <= clock_timestamp() - $1 * interval '1 millisecond'
          ORDER BY created_at LIMIT $2)
        """,
        [.double(Double(FeedbackBatch.keyLifetimeMilliseconds)), .int(Int64(limit))]
      ).affectedCount
    }
  }

  // MARK: One transaction

  /// Another batch used one of our keys after we had looked: what we decided may be wrong.
  private struct KeyTaken: Error {}

  private func record(
    _ reports: [FeedbackReport], on connection: inout PostgresConnection
  ) throws -> [Result<RecordedFeedback, FeedbackError>] {
    let stored = try FeedbackTables.read(
      reports.filter(FeedbackBatch.isStorable), on: &connection)
    var batch = FeedbackBatch(
      miners: stored.miners, coordinators: stored.coordinators, counted: stored.counted,
      keys: stored.keys, now: stored.now, ids: stored.ids, rule: rule)
    let receipts = reports.map { report in batch.record(report) }
    let changed = batch.changedMiners.map { ($0, batch.miners[$0]?.trust ?? .none) }
    let written = try FeedbackTables.write(
      batch, over: stored.places, payload: changed.isEmpty ? nil : encode(changed),
      on: &connection)
    if written.isKeyTaken { throw KeyTaken() }

    return zip(reports, receipts).map { report, result in
      result.map { receipt in
        let trust = batch.miners[receipt.minerID]?.trust ?? .none
        let isChange = !receipt.isDuplicate && report.outcome != .accepted
        return RecordedFeedback(
          receipt: receipt, trust: trust, outboxID: isChange ? written.outboxID : nil)
      }
    }
  }
}
