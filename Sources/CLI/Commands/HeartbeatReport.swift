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

  mutating func take(_ after: HubMetrics, since before: HubMetrics, transport: LoadPlan.Transport) {
    let delays = after.delays(since: before)
    toScorerP50 = delays.quantile(0.5)
    toScorerP99 = delays.quantile(0.99)
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

  init(hub: HeartbeatFigures) { self.hub = hub }

  func json() -> String {
    var json = JSONWriter()
    json.object { json in
      hub.write(to: &json, isHub: true)
      json.field("wrong_values", wrongValues)
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
    return table.text + "\n\(Format.count(checkedValues - wrongValues)) of "
      + "\(Format.count(checkedValues)) miners' last heartbeats were what matches saw"
  }

  private func row(_ server: String, _ figures: HeartbeatFigures) -> [String] {
    func milliseconds(_ value: Double?) -> String {
      value.map { Format.duration(.microseconds(Int64($0 * 1_000))) } ?? ""
    }
    return [
      server, "\(Format.count(figures.held)) of \(Format.count(figures.connections))",
      Format.count(Int(figures.bytesPerConnection)),
      Format.count(Int(figures.connectsPerSecond)), Format.count(Int(figures.heartbeatsPerSecond)),
      milliseconds(figures.ackP50), milliseconds(figures.ackP99),
      milliseconds(figures.toScorerP50), milliseconds(figures.toScorerP99),
      Format.count(figures.dropped), Format.count(figures.late),
      Format.decimal(figures.cpuMillisecondsPerThousand, places: 2),
    ]
  }
}

/// What a hub's metrics say of heartbeats on their way to the scorers.
struct HubMetrics {
  private static let delays = "poolhub_scorer_heartbeat_delay_seconds_bucket{"

  /// By bucket's upper bound: how many took at most so long. All scorers together.
  private(set) var cumulative: [Double: Double] = [:]

  mutating func add(_ text: String, withScorers: Bool) {
    guard withScorers else { return }
    for line in text.split(separator: "\n") where line.hasPrefix(Self.delays) {
      guard let bound = line.firstRange(of: #"le=""#), let end = line.lastIndex(of: "}"),
        let count = line.split(separator: " ").last.flatMap({ Double($0) })
      else { continue }
      let limit = line[bound.upperBound..<end].prefix { $0 != "\"" }
      cumulative[limit == "+Inf" ? .infinity : Double(limit) ?? .infinity, default: 0] += count
    }
  }

  func delays(since before: HubMetrics) -> HubMetrics {
    var difference = self
    for (bound, count) in before.cumulative { difference.cumulative[bound, default: 0] -= count }
    return difference
  }

  /// In milliseconds, somewhere within its bucket; nil when nothing was counted.
  func quantile(_ fraction: Double) -> Double? {
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

/// Clients that are known once the hub runs.
final class HubClientBox: Sendable {
  private let clients = Mutex<[HubClient]>([])

  func set(_ clients: [HubClient]) { self.clients.withLock { $0 = clients } }

  var all: [HubClient] { clients.withLock { $0 } }
}
