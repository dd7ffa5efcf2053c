import Domain
import Postgres
import Trust

/// What PostgreSQL holds at the end, as far as it is audited.
package struct StoredState: Sendable {
  package struct Miner: Equatable, Sendable {
    package var version: Int64
    package var price: Price
    package var trust: MinerTrust

    package init(version: Int64, price: Price, trust: MinerTrust) {
      self.version = version
      self.price = price
      self.trust = trust
    }
  }

  /// How often each report is there.
  package var feedback: [Ledger.Feedback: Int] = [:]
  /// In the order that they were counted in, for each miner.
  package var reports: [TrustReplay.Report] = []
  package var miners: [MinerID: Miner] = [:]

  package init() {}

  static func read(from pool: PostgresPool) async throws -> StoredState {
    try await pool.run { connection in
      var state = StoredState()
      let feedback = try connection.execute(
        """
        SELECT job_id, miner_id, outcome, coordinator, weight, created_at
        FROM poolhub.feedback ORDER BY id
        """)
      for row in feedback.rows {
        guard let id = MinerID(try row.text(1)), let outcome = Outcome(rawValue: try row.text(2))
        else { continue }
        let report = Ledger.Feedback(jobID: try row.text(0), minerID: id.text, outcome: outcome)
        state.feedback[report, default: 0] += 1
        state.reports.append(
          TrustReplay.Report(
            minerID: id, coordinator: try row.text(3), outcome: outcome,
            weight: try row.double(4), recordedAt: try row.timestamp(5)))
      }
      let miners = try connection.execute(
        """
        SELECT m.miner_id, m.version, m.price_units, t.score, t.good, t.bad, t.version
        FROM poolhub.miners m LEFT JOIN poolhub.trust_totals t USING (miner_id)
        """)
      for row in miners.rows {
        guard let id = MinerID(try row.text(0)) else { continue }
        var trust = MinerTrust.none
        if let score = try row.optionalDouble(3) {
          trust = MinerTrust(
            score: score, good: try row.double(4), bad: try row.double(5), version: try row.int(6))
        }
        state.miners[id] = Miner(
          version: try row.int(1), price: Price(units: try row.int(2)), trust: trust)
      }
      return state
    }
  }

  /// Changes that nobody has told the scorers yet.
  static func outboxCount(_ pool: PostgresPool) async throws -> Int {
    try await pool.run { connection in
      let count = try connection.execute("SELECT count(*) FROM poolhub.outbox")
      return Int(try count.first?.int(0) ?? 0)
    }
  }
}
