import Index
import JSON

/// What one run of the benchmark found. Durations are in the units that their names end with.
package struct IndexBenchmarkResult: Sendable {
  package struct Class: Sendable {
    package var kind: RequestClass
    package var matchCount = 0
    package var p50Microseconds = 0.0
    package var p99Microseconds = 0.0
    package var maxMicroseconds = 0.0
    /// One after another, with nothing between them.
    package var matchesPerSecond = 0.0
    /// All matches' together.
    package var work = SearchWork()
    package var plainP50Microseconds = 0.0
    package var maskP50Microseconds = 0.0
    /// Answers of the sample that all three gave, at rest and after updates.
    package var comparedCount = 0
    /// Those of them for which nobody was eligible.
    package var emptyCount = 0
    /// Those in which the index and a baseline disagreed: there must be none.
    package var differences = 0

    init(_ kind: RequestClass) { self.kind = kind }
  }

  package struct Updates: Sendable {
    /// Reached while matches were answered in between.
    package var perSecond = 0.0
    /// A change, mean over the batches of that phase.
    package var nanoseconds = 0.0
    /// A change with no matches in between.
    package var nanosecondsAlone = 0.0
    package var typicalP50Microseconds = 0.0
    package var typicalP99Microseconds = 0.0
  }

  /// Work that is done now and then, over all phases: nothing else is done meanwhile.
  package struct Background: Sendable {
    package var count = 0
    package var meanMicroseconds = 0.0
    package var maxMicroseconds = 0.0
  }

  package struct Growth: Sendable {
    package var miners: Int
    package var typicalP50Microseconds: Double
    package var typicalP99Microseconds: Double
  }

  package var miners: Int
  /// In the order of `RequestClass`.
  package var classes: [Class] = RequestClass.allCases.map { Class($0) }
  package var updates = Updates()
  /// Once a second.
  package var refresh = Background()
  /// Ten times a second.
  package var maintenance = Background()
  /// A newcomer, and all work in the background until a fleet a third larger is in order again.
  package var growing = Background()
  package var growingUpkeep = Background()
  /// Strings apart.
  package var bytesPerMiner = 0.0
  package var buildSeconds = 0.0
  package var growth: [Growth] = []
  /// Matches a second by number of processes at work at once; empty when not measured.
  package var processes: [Int: Double] = [:]
  package var postgres: PostgresComparison?

  package init(miners: Int) { self.miners = miners }

  package subscript(kind: RequestClass) -> Class {
    // One entry a class from the start.
    get { classes[RequestClass.allCases.firstIndex(of: kind)!] }
    set { classes[RequestClass.allCases.firstIndex(of: kind)!] = newValue }
  }

  package var differences: Int { classes.reduce(0) { $0 + $1.differences } }

  /// One object; `postgres` is there only when it was measured.
  package var json: String {
    var json = JSONWriter()
    json.object { json in
      json.field("miners", miners)
      json.objectField("classes") { json in
        for result in classes {
          json.field(named: result.kind.rawValue) { json in
            json.object { Self.fields(&$0, result) }
          }
        }
      }
      json.objectField("under_updates") { json in
        json.field("per_s", Self.rounded(updates.perSecond))
        json.field("ns", Self.rounded(updates.nanoseconds))
        json.field("typical_p99_us", Self.rounded(updates.typicalP99Microseconds))
      }
      json.field("bytes_per_miner", Self.rounded(bytesPerMiner))
      json.field("build_s", Self.rounded(buildSeconds))
      json.objectField("processes") { json in
        for (count, rate) in processes.sorted(by: { $0.key < $1.key }) {
          json.field(named: String(count)) { $0.value(Self.rounded(rate)) }
        }
      }
      if let postgres { Self.field(&json, postgres) }
    }
    return String(decoding: json.bytes, as: UTF8.self)
  }

  private static func fields(_ json: inout JSONWriter, _ result: Class) {
    json.field("p50_us", rounded(result.p50Microseconds))
    json.field("p99_us", rounded(result.p99Microseconds))
    json.field("max_us", rounded(result.maxMicroseconds))
    json.field("matches_per_s", rounded(result.matchesPerSecond))
    json.field("plain_p50_us", rounded(result.plainP50Microseconds))
    json.field("mask_p50_us", rounded(result.maskP50Microseconds))
    json.field("differences", result.differences)
  }

  private static func field(_ json: inout JSONWriter, _ postgres: PostgresComparison) {
    json.objectField("postgres") { json in
      for result in postgres.classes {
        json.field(named: result.kind.rawValue) { json in
          json.object { json in
            json.field("p50_us", rounded(result.p50Microseconds))
            json.field("p99_us", rounded(result.p99Microseconds))
            json.field("matches_per_s", rounded(result.matchesPerSecond))
            json.field("index_p50_us", rounded(result.indexP50Microseconds))
            json.field("differences", result.differences)
          }
        }
      }
    }
  }

  /// A thousandth is finer than anything measured.
  private static func rounded(_ value: Double) -> Double { (value * 1_000).rounded() / 1_000 }
}
