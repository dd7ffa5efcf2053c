import Domain

/// What people look at in the store: never on the way of a heartbeat or a match.
package struct PostgresOverview: Sendable {
  /// What a survey of the pool wants of a miner.
  package struct SurveyedMiner: Equatable, Sendable {
    package var id: MinerID
    package var gpuName: String
    package var gpuCount: Int
    /// With an operator's override, where one is in force.
    package var price: Price
  }

  /// A report as it was counted.
  package struct CountedFeedback: Equatable, Sendable {
    package var coordinator: String
    package var jobID: String
    package var outcome: String
    /// The evidence that it added.
    package var weight: Double
    package var trustBefore: Double
    package var trustAfter: Double
    package var at: Timestamp

    package init(
      coordinator: String, jobID: String, outcome: String, weight: Double, trustBefore: Double,
      trustAfter: Double, at: Timestamp
    ) {
      self.coordinator = coordinator
      self.jobID = jobID
      self.outcome = outcome
      self.weight = weight
      self.trustBefore = trustBefore
      self.trustAfter = trustAfter
      self.at = at
    }
  }

  private let pool: PostgresPool

  package init(pool: PostgresPool) { self.pool = pool }

  /// The first `limit` miners after `cursor`, in byte order of their ids.
  package func survey(after cursor: MinerID?, limit: Int) async throws -> [SurveyedMiner] {
    try await pool.run { connection in
      let result = try connection.execute(
        """
        SELECT m.miner_id, m.gpu_name, m.gpu_count, coalesce(o.price_units, m.price_units)
        FROM poolhub.miners m LEFT JOIN poolhub.price_overrides o ON o.miner_id = m.miner_id
          AND (o.expires_at IS NULL OR o.expires_at > now())
        WHERE m.miner_id > $1 ORDER BY m.miner_id LIMIT $2
        """, [.text(cursor?.text ?? ""), .int(Int64(limit))])
      return try result.rows.compactMap { row in
        guard let id = MinerID(try row.text(0)) else { return nil }
        return SurveyedMiner(
          id: id, gpuName: try row.text(1), gpuCount: Int(try row.int(2)),
          price: Price(units: try row.int(3)))
      }
    }
  }

  /// The last `limit` reports on a miner, the newest first.
  package func feedback(on id: MinerID, limit: Int) async throws -> [CountedFeedback] {
    try await pool.run { connection in
      let result = try connection.execute(
        """
        SELECT coordinator, job_id, outcome, weight, trust_before, trust_after, created_at
        FROM poolhub.feedback WHERE miner_id = $1 ORDER BY id DESC LIMIT $2
        """, [.text(id.text), .int(Int64(limit))])
      return try result.rows.map { row in
        CountedFeedback(
          coordinator: try row.text(0), jobID: try row.text(1), outcome: try row.text(2),
          weight: try row.double(3), trustBefore: try row.double(4),
          trustAfter: try row.double(5), at: try row.timestamp(6))
      }
    }
  }
}
