import Domain
import Index
import Postgres

/// The benchmark's requests on PostgreSQL alone, one connection, beside the index over the same data.
package struct PostgresComparison: Sendable {
  package struct Class: Sendable {
    package var kind: RequestClass
    package var p50Microseconds = 0.0
    package var p99Microseconds = 0.0
    package var matchesPerSecond = 0.0
    package var indexP50Microseconds = 0.0
    package var comparedCount = 0
    /// Answers whose miners, order or scores weren't the index's: there must be none.
    package var differences = 0
  }

  package var classes: [Class] = []
  package var loadSeconds = 0.0

  package var differences: Int { classes.reduce(0) { $0 + $1.differences } }

  /// How many requests of a class are asked at least, however long they take.
  private static let leastCount = 3
  /// Asked first and not timed, so that statements are prepared and pages in memory.
  private static let warmingCount = 10

  /// Loads the registry and asks each class for `seconds`, and not much longer.
  ///
  /// - Parameters:
  ///   - dsn: of an empty database on a server with `RegistryInPostgres.serverParameters`.
  ///   - progress: told what is done, now and then.
  package static func run(
    miners: Int, seconds: Int, seed: UInt64, dsn: String, progress: (String) -> Void = { _ in }
  ) throws(PostgresError) -> PostgresComparison {
    var comparison = PostgresComparison()
    let start = MinerPopulation(seed: seed).start
    let columns = ScanColumns(capacity: miners, start: start)
    var build = BenchmarkBuild(
      miners: miners, seed: seed, horizonMilliseconds: 10_000, columns: columns)
    columns.refresh(at: start)
    let begin = nanoseconds()
    var registry = try RegistryInPostgres.load(columns, dsn: dsn) {
      progress("PostgreSQL: \($0) of \(miners) rows")
    }
    comparison.loadSeconds = Double(nanoseconds() - begin) / 1e9
    let requests = BenchmarkRequests.mix(IndexBenchmark.requestCount, seed: seed)
    for kind in RequestClass.allCases {
      progress("PostgreSQL: \(kind.rawValue)")
      let own = requests.filter { $0.kind == kind }.map(\.query)
      comparison.classes.append(
        try measure(kind, own, seconds: seconds, &registry, &build.index, at: start))
    }
    return comparison
  }

  private static func measure(
    _ kind: RequestClass, _ queries: [MatchQuery], seconds: Int,
    _ registry: inout RegistryInPostgres, _ index: inout BlockIndex, at now: Timestamp
  ) throws(PostgresError) -> Class {
    var result = Class(kind: kind)
    var samples = (server: DurationSamples(), index: DurationSamples())
    let deadline = nanoseconds() + Int64(seconds) * 1_000_000_000
    for (number, query) in queries.enumerated() {
      let isWarming = number < min(warmingCount, queries.count / 2)
      if samples.server.count >= leastCount && nanoseconds() > deadline { break }
      let begin = nanoseconds()
      let answer = try registry.match(query)
      let middle = nanoseconds()
      let expected = index.match(query, at: now)
      let end = nanoseconds()
      if !isWarming {
        samples.server.add(nanoseconds: middle - begin)
        samples.index.add(nanoseconds: end - middle)
      }
      result.comparedCount += 1
      if !answer.hasSameCandidates(as: expected) { result.differences += 1 }
    }
    let sorted = samples.server.sorted()
    result.p50Microseconds = sorted.microseconds(0.5)
    result.p99Microseconds = sorted.microseconds(0.99)
    result.matchesPerSecond =
      samples.server.count == 0 ? 0 : Double(samples.server.count) / samples.server.sumSeconds
    result.indexP50Microseconds = samples.index.sorted().microseconds(0.5)
    return result
  }
}
