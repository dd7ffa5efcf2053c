import JSON

/// What all benchmarks of one run found, as `bench.json` says it. What wasn't measured, or failed, is nil.
package struct BenchFigures: Equatable, Sendable {
  package struct Served: Equatable, Sendable {
    package var perSecond: Double
    package var p50Milliseconds: Double
    package var p99Milliseconds: Double

    package init(perSecond: Double, p50Milliseconds: Double, p99Milliseconds: Double) {
      self.perSecond = perSecond
      self.p50Milliseconds = p50Milliseconds
      self.p99Milliseconds = p99Milliseconds
    }
  }

  package struct Feedback: Equatable, Sendable {
    package var perSecond: Double
    package var p99Milliseconds: Double

    package init(perSecond: Double, p99Milliseconds: Double) {
      self.perSecond = perSecond
      self.p99Milliseconds = p99Milliseconds
    }
  }

  /// By number of miners.
  package var match: [Int: Served] = [:]
  package var floors: [FloorServer.Kind: Served] = [:]
  package var postgres: [Int: Served] = [:]
  package var redis: [Int: Served] = [:]
  package var batch64PerSecond: Double?
  /// Of the index alone, on one core, in turn with the batches.
  package var indexPerSecond: Double?
  package var feedback: Feedback?
  /// Matches a second by number of scorers.
  package var scorers: [Int: Double] = [:]

  package init() {}

  // MARK: JSON

  /// - Returns: nil for what isn't a `bench.json`.
  package init?(json: JSONValue) {
    guard let match = json["match"], let floors = json["floor"] else { return nil }
    self.match = Self.bySize(match)
    for kind in FloorServer.Kind.allCases {
      self.floors[kind] = floors[kind.rawValue].flatMap { Served(json: $0) }
    }
    postgres = Self.bySize(json["postgres"])
    redis = Self.bySize(json["redis"])
    batch64PerSecond = json["batch64_per_s"]?.double
    indexPerSecond = json["index_per_s"]?.double
    if let rate = json["feedback"]?["per_s"]?.double, let p99 = json["feedback"]?["p99_ms"]?.double
    {
      feedback = Feedback(perSecond: rate, p99Milliseconds: p99)
    }
    for count in [1, 2] { scorers[count] = json["scorers"]?[String(count)]?.double }
  }

  package var json: String {
    var json = JSONWriter()
    json.object { json in
      json.objectField("match") { Self.write(&$0, match) }
      json.objectField("floor") { json in
        for kind in FloorServer.Kind.allCases {
          json.field(named: kind.rawValue) { json in
            if let floor = floors[kind] { floor.write(to: &json) } else { json.null() }
          }
        }
      }
      json.objectField("postgres") { Self.write(&$0, postgres) }
      json.objectField("redis") { Self.write(&$0, redis) }
      json.field("batch64_per_s", batch64PerSecond)
      json.field("index_per_s", indexPerSecond)
      json.objectField("feedback") { json in
        json.field("per_s", feedback?.perSecond)
        json.field("p99_ms", feedback?.p99Milliseconds)
      }
      json.objectField("scorers") { json in
        json.field("1", scorers[1])
        json.field("2", scorers[2])
      }
    }
    return String(decoding: json.bytes, as: UTF8.self)
  }

  private static func bySize(_ json: JSONValue?) -> [Int: Served] {
    var served: [Int: Served] = [:]
    for size in BenchSizes.all { served[size] = json?[String(size)].flatMap { Served(json: $0) } }
    return served
  }

  private static func write(_ json: inout JSONWriter, _ served: [Int: Served]) {
    for (size, one) in served.sorted(by: { $0.key < $1.key }) {
      json.field(named: String(size)) { one.write(to: &$0) }
    }
  }
}

extension BenchFigures.Served {
  fileprivate init?(json: JSONValue) {
    guard let rate = json["per_s"]?.double, let p50 = json["p50_ms"]?.double,
      let p99 = json["p99_ms"]?.double
    else { return nil }
    self.init(perSecond: rate, p50Milliseconds: p50, p99Milliseconds: p99)
  }

  fileprivate func write(to json: inout JSONWriter) {
    json.object { json in
      json.field("per_s", perSecond)
      json.field("p50_ms", p50Milliseconds)
      json.field("p99_ms", p99Milliseconds)
    }
  }
}

/// The numbers of miners that are measured.
package enum BenchSizes {
  package static let all = [1_000, 10_000, 100_000, 1_000_000]
  /// Where floors, growth and stores are compared.
  package static let main = 100_000
}
