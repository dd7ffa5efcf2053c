import Domain
import Index
import Postgres
import Redis
import Threads

/// How many typical matches a store answers by itself, asked by as many clients as suit it, with nothing
/// between them and it: no HTTP, and no updates.
package struct StoreRate: Sendable {
  /// A value a round.
  package var perSecond: [Double] = []
  package var p50Milliseconds: [Double] = []
  package var p99Milliseconds: [Double] = []
  package var comparedCount = 0
  /// Answers whose miners, order or scores weren't the index's: there must be none.
  package var differences = 0

  package struct Plan: Sendable {
    package var miners: Int
    package var seconds: Double
    package var rounds: Int
    package var seed: UInt64

    package init(miners: Int, seconds: Double, rounds: Int, seed: UInt64) {
      self.miners = miners
      self.seconds = seconds
      self.rounds = rounds
      self.seed = seed
    }
  }

  /// Different requests, taken in turn.
  private static let requestCount = 10_000
  private static let comparedCount = 50
  /// Before the first round, so that statements are prepared and pages in memory.
  private static let warmingSeconds = 0.3

  /// Two clients, one for each of two cores: PostgreSQL has a process for each.
  ///
  /// - Parameter dsn: of an empty database on a server with `RegistryInPostgres.serverParameters`.
  package static func postgres(_ plan: Plan, dsn: String) async throws -> StoreRate {
    var world = World(plan)
    var registry = try RegistryInPostgres.load(world.columns, dsn: dsn)
    let queries = world.queries
    let differences = try world.countDifferences { try registry.match($0) }
    let statements = queries.map { registry.statement(for: $0) }
    var rate = try await measure(plan, clients: 2) {
      let client = PostgresClient(try PostgresConnection.open(dsn: dsn))
      return { try client.ask(statements[$0 % statements.count]) }
    }
    rate.take(differences)
    return rate
  }

  /// Two clients, too, though Redis has but one thread: it always finds one waiting.
  ///
  /// - Parameter url: of an empty server.
  package static func redis(_ plan: Plan, url: String) async throws -> StoreRate {
    var world = World(plan)
    let url = try RedisURL(url)
    try RegistryInRedis.load(world.columns, url: url)
    let columns = world.columns
    let registry = try RegistryInRedis(url: url)
    let requests = world.queries.map { RegistryInRedis.Request($0, columns) }
    let differences = try world.countDifferences { query in
      try registry.match(RegistryInRedis.Request(query, columns))
    }
    var rate = try await measure(plan, clients: 2) {
      let client = RedisAsker(try RegistryInRedis(url: url))
      return { try client.ask(requests[$0 % requests.count]) }
    }
    rate.take(differences)
    return rate
  }

  private mutating func take(_ differences: Int) {
    comparedCount = Self.comparedCount
    self.differences = differences
  }

  // MARK: One registry, for all

  private struct World {
    let columns: ScanColumns
    let queries: [MatchQuery]
    private var index: BlockIndex
    private let start: Timestamp

    init(_ plan: Plan) {
      start = MinerPopulation(seed: plan.seed).start
      columns = ScanColumns(capacity: plan.miners, start: start)
      let build = BenchmarkBuild(
        miners: plan.miners, seed: plan.seed, horizonMilliseconds: 10_000, columns: columns)
      columns.refresh(at: start)
      index = build.index
      var requests = BenchmarkRequests(seed: plan.seed)
      queries = (0..<StoreRate.requestCount).map { _ in requests.next(.typical).query }
    }

    mutating func countDifferences(_ ask: (MatchQuery) throws -> ScanAnswer) throws -> Int {
      var differences = 0
      for query in queries.prefix(StoreRate.comparedCount) {
        if try !ask(query).hasSameCandidates(as: index.match(query, at: start)) {
          differences += 1
        }
      }
      return differences
    }
  }

  // MARK: Asking

  private final class PostgresClient {
    private var connection: PostgresConnection

    init(_ connection: consuming PostgresConnection) { self.connection = connection }

    func ask(_ statement: (sql: String, parameters: [PostgresValue])) throws {
      let result = try connection.execute(statement.sql, statement.parameters)
      for row in result.rows { _ = (try row.int(0), try row.double(1)) }
    }
  }

  private final class RedisAsker {
    private let registry: RegistryInRedis

    init(_ registry: consuming RegistryInRedis) { self.registry = registry }

    func ask(_ request: RegistryInRedis.Request) throws { _ = try registry.match(request) }
  }

  /// Each client is a thread that asks one request after another; all keep the same rounds.
  ///
  /// - Parameter connect: makes a client, on its thread; what it returns asks the request of a number.
  private static func measure(
    _ plan: Plan, clients: Int, connect: @escaping @Sendable () throws -> ((Int) throws -> Void)
  ) async throws -> StoreRate {
    let begin = nanoseconds() + Int64(warmingSeconds * 1e9)
    let perClient = try await withThrowingTaskGroup(of: [DurationSamples].self) { group in
      for client in 0..<clients {
        group.addTask {
          try await withCheckedThrowingContinuation { continuation in
            startThread(name: "store-client") {
              continuation.resume(
                with: Result {
                  try rounds(plan, from: begin, first: client * requestCount / clients, connect())
                })
            }
          }
        }
      }
      return try await group.reduce(into: []) { $0.append($1) }
    }
    var rate = StoreRate()
    for round in 0..<plan.rounds {
      var samples = DurationSamples()
      for client in perClient { samples.add(client[round]) }
      let sorted = samples.sorted()
      rate.perSecond.append(Double(samples.count) / plan.seconds)
      rate.p50Milliseconds.append(sorted.microseconds(0.5) / 1_000)
      rate.p99Milliseconds.append(sorted.microseconds(0.99) / 1_000)
    }
    return rate
  }

  private static func rounds(
    _ plan: Plan, from begin: Int64, first: Int, _ ask: (Int) throws -> Void
  ) throws -> [DurationSamples] {
    var samples = [DurationSamples](repeating: DurationSamples(), count: plan.rounds)
    var (number, now) = (first, nanoseconds())
    while true {
      try ask(number)
      number += 1
      let end = nanoseconds()
      let round = end < begin ? -1 : Int(Double(end - begin) / (plan.seconds * 1e9))
      if round >= plan.rounds { return samples }
      if round >= 0 { samples[round].add(nanoseconds: end - now) }
      now = end
    }
  }
}
