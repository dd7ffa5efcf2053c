import Domain
import Index
import Postgres

/// The benchmark's registry as a PostgreSQL table, and its requests as prepared SQL over it, with the same
/// score, order and answers as the index has. The moment is the population's start: nothing changes.
///
/// What a request reads lies in one covering index on region and price, so that a typical one is an index-only
/// scan of a region's rows up to its price. Common capabilities are bits of four `bigint`; a rare one is a row
/// a miner in a table of its own, found by its key. Ranks, load and whether a slot is free are kept ready as columns. The
/// server gets memory for all of it, and neither parallel workers nor JIT, which cost small queries more than they
/// give. How many failed at which filter isn't computed there.
package struct RegistryInPostgres: ~Copyable {
  private static let chunk = 10_000
  private static let words = 0..<4
  /// For one statement; building an index over millions takes its time.
  private static let statementTimeout = Duration.seconds(300)

  private var connection: PostgresConnection
  private let columns: ScanColumns
  private let weights: Weights

  /// How the server should be started.
  package static let serverParameters = [
    "shared_buffers=1GB", "work_mem=64MB", "maintenance_work_mem=512MB", "max_wal_size=8GB",
    "max_parallel_workers_per_gather=0", "jit=off", "random_page_cost=1.1", "autovacuum=off",
  ]

  private init(_ connection: consuming PostgresConnection, _ columns: ScanColumns) {
    self.connection = connection
    self.columns = columns
    weights = columns.weights
  }

  /// Loads all of `columns`, with the ranks that they hold, into an empty database.
  ///
  /// - Parameter progress: told how many rows are in.
  package static func load(
    _ columns: ScanColumns, dsn: String, progress: (Int) -> Void = { _ in }
  ) throws(PostgresError) -> RegistryInPostgres {
    var registry = RegistryInPostgres(
      try PostgresConnection.open(dsn: dsn, statementTimeout: statementTimeout), columns)
    try registry.connection.executeScript(tables)
    for first in stride(from: 0, to: columns.count, by: chunk) {
      let rows = first..<min(first + chunk, columns.count)
      try registry.insert(rows)
      progress(rows.upperBound)
    }
    try registry.connection.executeScript(indexes)
    try registry.connection.executeScript("VACUUM ANALYZE bench_miner")
    try registry.connection.executeScript("VACUUM ANALYZE bench_rare_capability")
    return registry
  }

  /// The best rows for a request, best first; counts are left out.
  package mutating func match(_ query: MatchQuery) throws(PostgresError) -> ScanAnswer {
    let statement = statement(for: query)
    let result = try connection.execute(statement.sql, statement.parameters)
    var best: [ScanAnswer.Entry] = []
    for row in result.rows {
      best.append(.init(row: Int(try row.int(0)), score: try row.double(1)))
    }
    return ScanAnswer(best: best)
  }

  /// A request as `match` asks it, for other connections to the same database.
  func statement(for query: MatchQuery) -> (sql: String, parameters: [PostgresValue]) {
    var statement = MatchStatement(weights: weights)
    let sql = statement.sql(ScanAsk(query, at: columns.start, columns))
    return (sql, statement.parameters)
  }

  private static let tables = """
    CREATE UNLOGGED TABLE bench_miner (
      row integer NOT NULL, region smallint NOT NULL, price bigint NOT NULL,
      vram_gb double precision NOT NULL, deadline integer NOT NULL, is_open boolean NOT NULL,
      common0 bigint NOT NULL, common1 bigint NOT NULL,
      common2 bigint NOT NULL, common3 bigint NOT NULL,
      trust double precision NOT NULL, load_part double precision NOT NULL,
      latency_part double precision NOT NULL, price_part double precision NOT NULL);
    CREATE UNLOGGED TABLE bench_rare_capability (
      capability integer NOT NULL, row integer NOT NULL);
    """

  private static let indexes = """
    CREATE INDEX ON bench_miner (region, price) INCLUDE (
      row, vram_gb, deadline, is_open, common0, common1, common2, common3,
      trust, load_part, latency_part, price_part);
    ALTER TABLE bench_miner ADD PRIMARY KEY (row);
    ALTER TABLE bench_rare_capability ADD PRIMARY KEY (capability, row);
    """

  private mutating func insert(_ rows: Range<Int>) throws(PostgresError) {
    let columns = columns
    func ints(_ value: (Int) -> Int64) -> PostgresValue { .ints(rows.map(value)) }
    func doubles(_ value: (Int) -> Double) -> PostgresValue { .doubles(rows.map(value)) }
    func parts(_ row: Int) -> ScoreParts { columns.rankedParts(of: row) }
    let masks = rows.map { columns.commonMasks(of: $0) }
    try connection.execute(
      """
      INSERT INTO bench_miner SELECT
        row, region, price, vram_gb, deadline, is_open = 1, c0, c1, c2, c3,
        trust, load_part, latency_part, price_part
      FROM unnest(
        $1::bigint[], $2::bigint[], $3::bigint[], $4::double precision[], $5::bigint[], $6::bigint[],
        $7::bigint[], $8::bigint[], $9::bigint[], $10::bigint[], $11::double precision[],
        $12::double precision[], $13::double precision[], $14::double precision[])
        AS t (row, region, price, vram_gb, deadline, is_open, c0, c1, c2, c3,
          trust, load_part, latency_part, price_part)
      """,
      [
        ints { Int64($0) }, ints { Int64(columns.region[$0]) }, ints { Int64(columns.price[$0]) },
        doubles { Double(columns.vramGB[$0]) }, ints { Int64(columns.deadline[$0]) },
        ints { Int64(columns.isOpen[$0]) },
      ] + Self.words.map { word in .ints(masks.map { Int64(bitPattern: $0[word]) }) } + [
        doubles { columns.trust[$0] }, doubles { parts($0).load }, doubles { parts($0).latency },
        doubles { parts($0).price },
      ])
    let rare = rows.flatMap { row in columns.rareCapabilities(of: row).map { (row, $0) } }
    try connection.execute(
      "INSERT INTO bench_rare_capability SELECT * FROM unnest($1::bigint[], $2::bigint[])",
      [.ints(rare.map { Int64($0.1) }), .ints(rare.map { Int64($0.0) })])
  }
}

extension ScanColumns {
  /// The common capabilities' bits.
  fileprivate func commonMasks(of row: Int) -> [UInt64] {
    var masks: [UInt64] = [0, 0, 0, 0]
    for number in capabilities[row].numbers where number < BenchmarkWords.commonCapabilityCount {
      masks[number >> 6] |= 1 << UInt64(number & 63)
    }
    return masks
  }

  fileprivate func rareCapabilities(of row: Int) -> [Int] {
    capabilities[row].numbers.filter { $0 >= BenchmarkWords.commonCapabilityCount }
  }
}

/// A request's SQL. Requests of one shape share their text, and so their prepared statement.
struct MatchStatement {
  let weights: Weights
  private(set) var parameters: [PostgresValue] = []

  init(weights: Weights) { self.weights = weights }

  mutating func sql(_ ask: ScanAsk) -> String {
    var from = "bench_miner"
    var conditions = ["is_open", "deadline > \(add(.int(Int64(ask.now))))"]
    if let region = ask.region { conditions.append("region = \(add(.int(Int64(region))))") }
    if ask.minVRAMGB > 0 {
      conditions.append("vram_gb >= \(add(.double(Double(ask.minVRAMGB))))")
    }
    var price = "price_part"
    if ask.hasMaxPrice {
      let parameter = add(.int(Int64(ask.maxPriceUnits)))
      conditions.append("price <= \(parameter)")
      price = "(1 - price::float8 / \(parameter)::bigint::float8)"
    }
    var capability = "1::float8"
    if !ask.anyOf.isCommon {
      from = "bench_rare_capability JOIN bench_miner USING (row)"
      conditions.append("capability = \(add(.int(Int64(ask.anyOf.first))))")
    } else if ask.anyOf.count > 0 {
      let met = masks(ask.anyOf).map { "common\($0.word) & \(add(.int($0.mask)))" }
      conditions.append("(" + met.map { "(\($0))" }.joined(separator: " | ") + ") <> 0")
      let counts = met.map { "bit_count((\($0))::bit(64))" }.joined(separator: " + ")
      capability = "((\(counts))::float8 / \(ask.anyOf.count)::float8)"
    }
    for (word, mask) in masks(ask.allOf) {
      let parameter = add(.int(mask))
      conditions.append("common\(word) & \(parameter) = \(parameter)")
    }
    return """
      SELECT row, \(score(capability, price)) AS score FROM \(from) \
      WHERE \(conditions.joined(separator: " AND ")) \
      ORDER BY score DESC, row LIMIT \(add(.int(Int64(ask.topK))))
      """
  }

  /// As `Score.total` adds, in the same order.
  private func score(_ capability: String, _ price: String) -> String {
    func weight(_ value: Double) -> String { "'\(value)'::float8" }
    return """
      (\(weight(weights.cap)) * \(capability) + \(weight(weights.price)) * \(price) \
      + \(weight(weights.latency)) * latency_part + \(weight(weights.trust)) * trust \
      + \(weight(weights.load)) * load_part) / \(weight(weights.sum))
      """
  }

  private mutating func add(_ value: PostgresValue) -> String {
    parameters.append(value)
    return "$\(parameters.count)"
  }

  /// The common ones of them by the word that holds their bits.
  private func masks(_ pair: CapabilityPair) -> [(word: Int, mask: Int64)] {
    var masks: [Int: UInt64] = [:]
    for number in pair.numbers { masks[number >> 6, default: 0] |= 1 << UInt64(number & 63) }
    return masks.sorted { $0.key < $1.key }.map { ($0.key, Int64(bitPattern: $0.value)) }
  }
}
