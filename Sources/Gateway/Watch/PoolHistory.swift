import Domain
import GatewayPolicy
import Telemetry

/// The last minutes of what a gateway counts, a sample a second.
struct PoolHistory {
  /// Five minutes.
  static let sampleLimit = 300
  /// Rates look back so far: a second alone would jump about.
  private static let rateSamples = 5
  private static let latencySamples = 60

  /// One second, as the charts show it.
  struct Point: Sendable {
    var at: Timestamp
    var online: Int?
    var heartbeatsPerSecond = 0.0
    var matchesPerSecond = 0.0
    /// Of the last minute; nil: no match.
    var latency50Milliseconds: Double?
    var latency99Milliseconds: Double?
  }

  private struct Sample {
    var at: Timestamp
    var totals: GatewayMetrics.Totals
  }

  private var samples: [Sample] = []
  private(set) var points: [Point] = []

  var newest: GatewayMetrics.Totals? { samples.last?.totals }

  /// Takes a second in and tells what it looks like.
  mutating func add(_ totals: GatewayMetrics.Totals, online: Int?, at now: Timestamp) -> Point {
    var point = Point(at: now, online: online)
    if let earlier = back(Self.rateSamples) {
      let seconds = Double(max(1, now.milliseconds(since: earlier.at))) / 1_000
      point.heartbeatsPerSecond = Double(totals.heartbeats - earlier.totals.heartbeats) / seconds
      point.matchesPerSecond = Double(totals.matches - earlier.totals.matches) / seconds
    }
    let before = back(Self.latencySamples)?.totals.latencyCounts
    let counts = zip(totals.latencyCounts, before ?? totals.latencyCounts.map { _ in 0 })
      .map { $0 - $1 }
    func latency(_ part: Double) -> Double? {
      Quantile.ofHistogram(part, counts: counts, bounds: Metric.matchLatency.buckets)
        .map { $0 * 1_000 }
    }
    point.latency50Milliseconds = latency(0.5)
    point.latency99Milliseconds = latency(0.99)
    if samples.count == Self.sampleLimit {
      samples.removeFirst()
      points.removeFirst()
    }
    samples.append(Sample(at: now, totals: totals))
    points.append(point)
    return point
  }

  /// As it was `count` samples ago, or as long ago as is known.
  private func back(_ count: Int) -> Sample? { samples.suffix(count).first }
}
