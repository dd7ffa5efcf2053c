/// What a metric is called, counts and means. All of the hub's own are in MetricNames.swift.
package struct Metric: Sendable, Hashable {
  package enum Kind: String, Sendable {
    case counter, gauge, histogram
  }

  package let name: String
  package let kind: Kind
  package let help: String
  /// A histogram's upper bounds, ascending, without the last one (`+Inf`).
  package let buckets: [Double]

  private init(_ name: String, _ kind: Kind, _ help: String, buckets: [Double] = []) {
    self.name = name
    self.kind = kind
    self.help = help
    self.buckets = buckets
  }

  static func counter(_ name: String, _ help: String) -> Metric {
    Metric(name, .counter, help)
  }

  static func gauge(_ name: String, _ help: String) -> Metric {
    Metric(name, .gauge, help)
  }

  static func histogram(_ name: String, _ help: String, buckets: [Double]? = nil) -> Metric {
    Metric(name, .histogram, help, buckets: buckets ?? defaultBuckets(name: name))
  }

  /// For a name that isn't in the table, as a library's own metrics aren't.
  static func unlisted(_ name: String, _ kind: Kind) -> Metric {
    Metric(name, kind, "", buckets: kind == .histogram ? defaultBuckets(name: name) : [])
  }

  static func defaultBuckets(name: String) -> [Double] {
    name.hasSuffix("_seconds") ? secondsBuckets : valueBuckets
  }

  /// From 50 µs, where a match from memory is, to 10 s, where every deadline has passed.
  static let secondsBuckets = [
    0.00005, 0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1,
    2.5, 5, 10,
  ]
  /// Those that scorers count in.
  package static let heartbeatDelayBuckets = [
    0.001, 0.002, 0.005, 0.01, 0.015, 0.02, 0.025, 0.03, 0.04, 0.05, 0.06, 0.075, 0.1, 0.15, 0.2,
    0.3,
    0.5, 1, 2.5, 5, 10,
  ]
  static let valueBuckets: [Double] = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1_000, 10_000, 100_000]
}
