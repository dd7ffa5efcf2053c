import HeartbeatBenchmark
import JSON
import Synchronization
import Simulation

/// What one server did.
struct HeartbeatFigures {
  let connections: Int
  var held = 0
  var bytesPerConnection = 0.0
  var connectsPerSecond = 0.0
  var heartbeatsPerSecond = 0.0
  var ackP50: Double?
  var ackP99: Double?
  var toScorerP50: Double?
  var toScorerP99: Double?
  /// Connections that ended before their time.
  var dropped = 0
  /// Heartbeats that were due before their miner's last was acknowledged.
  var late = 0
  var cpuMillisecondsPerThousand = 0.0
  /// Changes that all gateways wrote to the change stream, each of which every scorer applies.
  var changesPerSecond = 0.0
  /// Of the scorer that took most; 100 is one core.
  var scorerCPUPercent = 0.0
  var connects = ConnectCounts()

  init(connections: Int) { self.connections = connections }

  mutating func take(_ state: LoadState, cpuSeconds: Double) {
    held = state.held
    dropped = state.lost
    late = state.late
    heartbeatsPerSecond = Double(state.acknowledged) / max(0.001, state.beatSeconds)
    ackP50 = state.latencies.milliseconds(0.5)
    ackP99 = state.latencies.milliseconds(0.99)
    cpuMillisecondsPerThousand = cpuSeconds * 1e6 / Double(max(1, state.acknowledged))
  }

  mutating func take(
    _ after: HubMetrics, since before: HubMetrics, scorerCPUSeconds: Double, beatSeconds: Double
  ) {
    let delays = after.delays(since: before)
    toScorerP50 = delays.quantile(0.5)
    toScorerP99 = delays.quantile(0.99)
    changesPerSecond = (after.changes - before.changes) / max(0.001, beatSeconds)
    scorerCPUPercent = 100 * scorerCPUSeconds / max(0.001, beatSeconds)
  }

  func write(to json: inout JSONWriter, isHub: Bool) {
    json.field("connections", connections)
    json.field("held", held)
    json.field("bytes_per_connection", bytesPerConnection.rounded())
    json.field("connects_per_s", connectsPerSecond.rounded())
    json.field("heartbeats_per_s", heartbeatsPerSecond.rounded())
    json.field("ack_p50_ms", ackP50)
    json.field("ack_p99_ms", ackP99)
    if isHub {
      json.field("to_scorer_p50_ms", toScorerP50)
      json.field("to_scorer_p99_ms", toScorerP99)
      json.field("changes_per_s", changesPerSecond.rounded())
      json.field("scorer_cpu_percent", scorerCPUPercent)
    }
    json.field("dropped", dropped)
    json.field("late", late)
    json.field("cpu_ms_per_1000", cpuMillisecondsPerThousand)
  }
}

struct HeartbeatReport {
  var hub: HeartbeatFigures
  var http: HeartbeatFigures?
  var floor: HeartbeatFigures?
  /// Miners whose last heartbeat a match showed otherwise than it was said; of how many.
  var wrongValues = 0
  var checkedValues = 0
  /// The same of what each scorer holds, over all scorers.
  var wrongHoldings = 0
  var scorers = 1
  var matches: (under: MatchFigures, idle: MatchFigures)?

  init(hub: HeartbeatFigures) { self.hub = hub }

  func json() -> String {
    var json = JSONWriter()
    json.object { json in
      hub.write(to: &json, isHub: true)
      json.field("wrong_values", wrongValues)
      json.field("scorers", scorers)
      json.field("wrong_holdings", wrongHoldings)
      if let matches {
        json.objectField("match") { json in
          json.field("asked", matches.under.asked)
          json.field("failed", matches.under.failed + matches.idle.failed)
          json.field("p50_ms", matches.under.p50)
          json.field("p99_ms", matches.under.p99)
          json.field("idle_p50_ms", matches.idle.p50)
          json.field("idle_p99_ms", matches.idle.p99)
        }
      }
      if let http { json.objectField("http") { http.write(to: &$0, isHub: true) } }
      if let floor { json.objectField("floor") { floor.write(to: &$0, isHub: false) } }
    }
    return String(decoding: json.bytes, as: UTF8.self)
  }

  func table() -> String {
    var table = TextTable([
      ("server", .left), ("held", .right), ("bytes each", .right), ("connects/s", .right),
      ("heartbeats/s", .right), ("ack p50", .right), ("p99", .right), ("to scorer p50", .right),
      ("p99", .right), ("dropped", .right), ("late", .right), ("CPU ms/1,000", .right),
    ])
    table.add(row("poolhub", hub))
    if let http { table.add(row("poolhub, HTTP", http)) }
    if let floor { table.add(row("bare echo", floor)) }
    var lines = [table.text]
    lines.append(
      "\(Format.count(checkedValues - wrongValues)) of \(Format.count(checkedValues)) miners' last "
        + "heartbeats were what matches saw; \(Format.count(wrongHoldings)) differed in "
        + "\(Format.count(scorers)) scorers")
    lines.append(
      "the busiest scorer took \(Format.decimal(hub.scorerCPUPercent, places: 1)) % of a core for "
        + "\(Format.count(Int(hub.changesPerSecond))) changes/s")
    if let matches {
      lines.append(
        "matches meanwhile: p50 \(Format.milliseconds(matches.under.p50)), p99 "
          + "\(Format.milliseconds(matches.under.p99)), \(Format.count(matches.under.failed)) of "
          + "\(Format.count(matches.under.asked)) failed; with nobody connected: p50 "
          + "\(Format.milliseconds(matches.idle.p50)), p99 "
          + Format.milliseconds(matches.idle.p99))
    }
    return lines.joined(separator: "\n")
  }

  private func row(_ server: String, _ figures: HeartbeatFigures) -> [String] {
    [
      server, "\(Format.count(figures.held)) of \(Format.count(figures.connections))",
      Format.count(Int(figures.bytesPerConnection)),
      Format.count(Int(figures.connectsPerSecond)), Format.count(Int(figures.heartbeatsPerSecond)),
      Format.milliseconds(figures.ackP50), Format.milliseconds(figures.ackP99),
      Format.milliseconds(figures.toScorerP50), Format.milliseconds(figures.toScorerP99),
      Format.count(figures.dropped), Format.count(figures.late),
      Format.decimal(figures.cpuMillisecondsPerThousand, places: 2),
    ]
  }
}

/// What a hub's metrics say of heartbeats on their way to the scorers.
struct HubMetrics {
  private static let delays = "poolhub_scorer_heartbeat_delay_seconds_bucket{"
  private static let changes = "poolhub_changes_total "

  /// By scorer, then by bucket's upper bound: how many took at most so long.
  private var cumulative: [Substring: [Double: Double]] = [:]
  /// Appended to the change stream.
  private(set) var changes = 0.0

  mutating func add(_ text: String, withScorers: Bool) {
    for line in text.split(separator: "\n") {
      let value = line.split(separator: " ").last.flatMap { Double($0) } ?? 0
      if line.hasPrefix(Self.changes) {
        changes += value
      } else if withScorers, line.hasPrefix(Self.delays), let scorer = line.label("scorer"),
        let limit = line.label("le")
      {
        cumulative[scorer, default: [:]][Double(limit) ?? .infinity, default: 0] += value
      }
    }
  }

  func delays(since before: HubMetrics) -> HubMetrics {
    var difference = self
    for (scorer, counts) in before.cumulative {
      for (bound, count) in counts {
        difference.cumulative[scorer, default: [:]][bound, default: 0] -= count
      }
    }
    return difference
  }

  /// In milliseconds, somewhere within its bucket, of the scorer where it is highest; nil when
  /// nothing was counted.
  func quantile(_ fraction: Double) -> Double? {
    cumulative.values.compactMap { Self.quantile(fraction, of: $0) }.max()
  }

  private static func quantile(_ fraction: Double, of cumulative: [Double: Double]) -> Double? {
    let sorted = cumulative.sorted { $0.key < $1.key }
    guard let total = sorted.last?.value, total > 0 else { return nil }
    let wanted = fraction * total
    var (lowerBound, lowerCount) = (0.0, 0.0)
    for (bound, count) in sorted {
      if count >= wanted {
        if bound == .infinity { return lowerBound * 1_000 }
        let share = (wanted - lowerCount) / max(1, count - lowerCount)
        return (lowerBound + (bound - lowerBound) * share) * 1_000
      }
      (lowerBound, lowerCount) = (bound, count)
    }
    return nil
  }
}

extension Substring {
  /// The value of a metric line's label.
  fileprivate func label(_ name: String) -> Substring? {
    guard let start = firstRange(of: name + "=\"") else { return nil }
    return self[start.upperBound...].prefix { $0 != "\"" }
  }
}

extension Format {
  static func milliseconds(_ value: Double?) -> String {
    value.map { duration(.microseconds(Int64($0 * 1_000))) } ?? ""
  }
}

/// Clients that are known once the hub runs.
final class HubClientBox: Sendable {
  private let clients = Mutex<[HubClient]>([])

  func set(_ clients: [HubClient]) { self.clients.withLock { $0 = clients } }

  var all: [HubClient] { clients.withLock { $0 } }
}
