import Domain
import Postgres

/// The benchmark's miners as a hub would have stored them: records, services and trust in its schema.
package struct StoredPopulation: Sendable {
  private static let rowsPerStatement = 5_000

  private let population: MinerPopulation
  private let count: Int

  package init(_ population: MinerPopulation, count: Int) {
    self.population = population
    self.count = count
  }

  /// - Parameters:
  ///   - statuses: gets what is live, some at a time.
  ///   - progress: told how many are in.
  package func store(
    _ pool: PostgresPool, statuses: ([(MinerID, StatusPatch)]) async throws -> Void,
    progress: (Int) -> Void = { _ in }
  ) async throws {
    for start in stride(from: 0, to: count, by: Self.rowsPerStatement) {
      let miners = (start..<min(start + Self.rowsPerStatement, count)).map { population.miner($0) }
      try await pool.run { connection in
        try Self.insertRecords(miners, on: &connection)
        try Self.insertTrust(miners, on: &connection)
        try Self.insertServices(miners, on: &connection)
      }
      try await statuses(miners.map { ($0.record.id, $0.status) })
      progress(start + miners.count)
    }
    try await pool.run { _ = try $0.execute("ANALYZE", []) }
  }

  private static func insertRecords(
    _ miners: [MinerPopulation.Miner], on connection: inout PostgresConnection
  ) throws(PostgresError) {
    let profiles = miners.map(\.record.profile)
    _ = try connection.execute(
      """
      INSERT INTO poolhub.miners (
        miner_id, version, addr, proto, region, gpu_name, gpu_count, gpu_vram_gb, ram_gb, cpu_cores,
        max_parallel, price_units, accel, tags, capabilities, created_at, updated_at)
      SELECT id, 1, addr, 'http', region, gpu, 1, vram, ram, 16, slots, price,
        string_to_array(accel, ' '), string_to_array(tags, ' '), string_to_array(capabilities, ' '),
        now(), now()
      FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::float8[], $6::float8[],
        $7::bigint[], $8::bigint[], $9::text[], $10::text[], $11::text[])
        AS t (id, addr, region, gpu, vram, ram, slots, price, accel, tags, capabilities)
      """,
      [
        .texts(miners.map(\.record.id.text)), .texts(profiles.map(\.addr)),
        .texts(profiles.map(\.region)), .texts(profiles.map(\.gpuName)),
        .doubles(profiles.map(\.gpuVRAMGB)), .doubles(profiles.map(\.ramGB)),
        .ints(profiles.map { Int64($0.maxParallel) }), .ints(profiles.map(\.price.units)),
      ]
        + [\MinerProfile.accel, \.tags, \.capabilities].map { list in
          .texts(profiles.map { $0[keyPath: list].joined(separator: " ") })
        })
  }

  private static func insertTrust(
    _ miners: [MinerPopulation.Miner], on connection: inout PostgresConnection
  ) throws(PostgresError) {
    _ = try connection.execute(
      """
      UPDATE poolhub.trust_totals t SET good = 1, bad = 1, score = u.score, version = 1
      FROM unnest($1::text[], $2::float8[]) AS u (id, score) WHERE t.miner_id = u.id
      """,
      [.texts(miners.map(\.record.id.text)), .doubles(miners.map(\.trust.score))])
  }

  private static func insertServices(
    _ miners: [MinerPopulation.Miner], on connection: inout PostgresConnection
  ) throws(PostgresError) {
    let offers = miners.flatMap { miner in miner.record.services.map { (miner.record.id, $0) } }
    _ = try connection.execute(
      """
      INSERT INTO poolhub.service_configs (
        miner_id, service_type, version, enabled, config, pricing, capabilities, max_concurrent,
        created_at, updated_at)
      SELECT id, type, 1, true, '{}', '{}', '{}', most, now(), now()
      FROM unnest($1::text[], $2::text[], $3::bigint[]) AS t (id, type, most)
      """,
      [
        .texts(offers.map(\.0.text)), .texts(offers.map(\.1.type)),
        .ints(offers.map { Int64($0.1.maxConcurrent) }),
      ])
  }
}
