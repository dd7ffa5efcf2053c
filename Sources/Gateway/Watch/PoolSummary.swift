import Domain
import GatewayAPI
import GatewayPolicy
import JSON
import ScorerClient
import Telemetry
import Wire

/// The pool at a glance, as the page and `/v1/pool` have it. No secret, and no miner by name.
struct PoolSummary {
  /// Taken now and then; the rest is of this second.
  struct Survey: Sendable {
    var at: Timestamp
    var minerCount: Int
    var gpus: [PoolSurvey.GPU]
  }

  var gatewayID: String
  var status: String
  var isDatabaseUp: Bool
  var isRedisUp: Bool
  var scorers: [ScorerSnapshot]
  var furthest: ScorerSnapshot?
  var webSocketCount: Int
  var totals: GatewayMetrics.Totals
  var point: PoolHistory.Point
  var survey: Survey?

  func body() -> [UInt8] {
    var json = JSONWriter(capacity: 4_096)
    json.object { json in
      json.field("at", point.at.rfc3339)
      json.field("gateway", gatewayID)
      json.field("version", Version.current)
      json.field("status", status)
      json.field("db", isDatabaseUp)
      json.field("redis", isRedisUp)
      json.field("miners_online", value: point.online.map { .number(String($0)) } ?? .null)
      json.arrayField("regions") { json in
        for region in regions {
          json.object { json in
            json.field("name", region.name)
            json.field("online", region.online)
          }
        }
      }
      json.field("websockets", webSocketCount)
      json.field("heartbeats_total", totals.heartbeats)
      json.field("matches_total", totals.matches)
      json.field("match_failures_total", totals.failures)
      json.field("heartbeats_per_sec", Self.rounded(point.heartbeatsPerSecond))
      json.field("matches_per_sec", Self.rounded(point.matchesPerSecond))
      json.field("match_p50_ms", point.latency50Milliseconds.map(Self.rounded))
      json.field("match_p99_ms", point.latency99Milliseconds.map(Self.rounded))
      writeRejections(to: &json)
      ScorerList.write(scorers, to: &json, as: "scorers")
      writeSurvey(to: &json)
    }
    return json.bytes
  }

  /// The most miners first, ties by name; those with nobody online say nothing.
  private var regions: [Beat.Region] {
    (furthest?.beat.regions ?? []).filter { $0.online > 0 }.sorted { left, right in
      left.online == right.online ? left.name < right.name : left.online > right.online
    }
  }

  private func writeRejections(to json: inout JSONWriter) {
    json.arrayField("rejections") { json in
      for (reason, count) in zip(RejectionReason.allCases, totals.rejections) {
        json.object { json in
          json.field("reason", reason.name)
          json.field("count", count)
        }
      }
    }
  }

  private func writeSurvey(to json: inout JSONWriter) {
    guard let survey else { return json.field("survey", value: .null) }
    json.objectField("survey") { json in
      json.field("at", survey.at.rfc3339)
      json.field("miners", survey.minerCount)
      json.arrayField("gpus") { json in
        for gpu in survey.gpus {
          json.object { json in
            json.field("name", gpu.name)
            json.field("miners", gpu.miners)
            json.field("gpus", gpu.gpus)
            json.field("price_p10", number: gpu.price10.description)
            json.field("price_p50", number: gpu.price50.description)
            json.field("price_p90", number: gpu.price90.description)
          }
        }
      }
    }
  }

  /// What a new viewer gets first, so that the charts don't begin empty.
  static func history(_ points: [PoolHistory.Point]) -> [UInt8] {
    var json = JSONWriter(capacity: 64 * points.count + 64)
    json.object { json in
      json.field("interval_sec", 1)
      json.arrayField("samples") { json in
        for point in points {
          json.array { json in
            json.value(point.at.milliseconds)
            if let online = point.online { json.value(online) } else { json.null() }
            json.value(rounded(point.heartbeatsPerSecond))
            json.value(rounded(point.matchesPerSecond))
            for latency in [point.latency50Milliseconds, point.latency99Milliseconds] {
              if let latency { json.value(rounded(latency)) } else { json.null() }
            }
          }
        }
      }
    }
    return json.bytes
  }

  /// Three places are enough to look at.
  private static func rounded(_ value: Double) -> Double { (value * 1_000).rounded() / 1_000 }
}
