import Domain

/// What miners said last, as far as it has been written down.
package struct PostgresStatusStore: Sendable {
  private let pool: PostgresPool

  package init(pool: PostgresPool) { self.pool = pool }

  /// Writes what is newer than what stands there. Of miners that aren't registered (any more) nothing is
  /// written. What is lost with the server is still live elsewhere.
  /// - Returns: how many rows were written.
  package func store(_ statuses: [(MinerID, StatusPatch)]) async throws -> Int {
    // In one order, so that two writers don't wait for each other in a circle.
    let sorted = statuses.sorted { $0.0 < $1.0 }
    let parameters = Self.parameters(sorted)
    return try await pool.run { connection in
      let statements = [.withoutSync, .byKeys, PostgresStatement(Self.upsert, parameters)]
      return try connection.execute(together: statements).last?.affectedCount ?? 0
    }
  }

  private static func parameters(_ sorted: [(MinerID, StatusPatch)]) -> [PostgresValue] {
    func numbers(_ value: (StatusPatch) -> Double?) -> PostgresValue {
      .doubles(sorted.map { value($0.1) })
    }
    // By the shortest digits, as said: 61.3 is no 61.29999923706055.
    func asSaid(_ value: Float?) -> Double? { value.flatMap { Double($0.description) } }
    return [
      .texts(sorted.map(\.0.text)), .ints(sorted.map { $0.1.at.milliseconds }),
      .ints(sorted.map { Int64($0.1.leaseMilliseconds) }),
      .texts(sorted.map { $0.1.state?.rawValue }),
      .ints(sorted.map { $0.1.busy.map { $0 ? 1 : 0 } }),
      .ints(sorted.map { $0.1.queueLength.map(Int64.init) }),
      numbers(\.avgLatencyMilliseconds), numbers { asSaid($0.temperatureCelsius) },
      numbers { asSaid($0.memFreeGB) }, numbers { asSaid($0.gpuUtilization) },
    ]
  }

  /// Those that stand there already are left out first: a conflict locks its row, and logs that.
  private static let upsert = """
    INSERT INTO poolhub.miner_status AS known (miner_id, seen_at, lease_ms, state, busy, queue_len,
      avg_latency_ms, temp_c, mem_free_gb, gpu_utilization)
    WITH newer AS MATERIALIZED (
      SELECT s.* FROM (
        SELECT unnest($1::text[]) AS miner_id, to_timestamp(unnest($2::bigint[]) / 1000.0) AS seen_at,
          unnest($3::bigint[]) AS lease_ms, unnest($4::text[]) AS state,
          unnest($5::bigint[]) = 1 AS busy, unnest($6::bigint[]) AS queue_len,
          unnest($7::float8[]) AS latency, unnest($8::float8[]) AS temp_c,
          unnest($9::float8[]) AS mem_free_gb, unnest($10::float8[]) AS gpu
      ) AS s
      WHERE NOT EXISTS (
        SELECT FROM poolhub.miner_status k
        WHERE k.miner_id = s.miner_id AND k.seen_at >= s.seen_at)
    )
    SELECT newer.* FROM newer JOIN poolhub.miners USING (miner_id)
    ORDER BY newer.miner_id COLLATE "C"
    ON CONFLICT (miner_id) DO UPDATE SET
      seen_at = excluded.seen_at, lease_ms = excluded.lease_ms, state = excluded.state,
      busy = excluded.busy, queue_len = excluded.queue_len,
      avg_latency_ms = excluded.avg_latency_ms, temp_c = excluded.temp_c,
      mem_free_gb = excluded.mem_free_gb, gpu_utilization = excluded.gpu_utilization
    WHERE known.seen_at < excluded.seen_at
    """

  /// What stands of these miners; one of whom nothing does has no entry.
  package func statuses(of ids: [MinerID]) async throws -> [MinerID: StatusPatch] {
    if ids.isEmpty { return [:] }
    return try await pool.run { connection in
      let result = try connection.execute(
        """
        SELECT miner_id, seen_at, lease_ms, state, busy, queue_len, avg_latency_ms, temp_c,
          mem_free_gb, gpu_utilization
        FROM poolhub.miner_status WHERE miner_id = ANY ($1)
        """, [.texts(ids.map(\.text))])
      var found: [MinerID: StatusPatch] = [:]
      for row in result.rows {
        guard let id = MinerID(try row.text(0)) else { continue }
        found[id] = try StatusPatch(row)
      }
      return found
    }
  }
}

extension StatusPatch {
  fileprivate init(_ row: PostgresRow) throws(PostgresError) {
    self.init(
      at: try row.timestamp(1), leaseMilliseconds: UInt32(clamping: try row.int(2)))
    state = row.optionalText(3).flatMap { MinerState(rawValue: $0) }
    busy = row.optionalBool(4)
    queueLength = try row.optionalInt(5).map { UInt32(clamping: $0) }
    avgLatencyMilliseconds = try row.optionalDouble(6)
    temperatureCelsius = try row.optionalDouble(7).map { Float($0) }
    memFreeGB = try row.optionalDouble(8).map { Float($0) }
    gpuUtilization = try row.optionalDouble(9).map { Float($0) }
  }
}
