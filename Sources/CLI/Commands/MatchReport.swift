import JSON
import PathBenchmark

enum MatchReport {
  static func table(_ results: [PathFigures]) -> String {
    var table = TextTable([
      ("miners", .right), ("server", .left), ("requests/s", .right), ("least–most", .right),
      ("hub's share", .right), ("p50 ms", .right), ("p99 ms", .right),
    ])
    for result in results {
      let hub = Spread(result.hub.perSecond).median
      table.add(row(Format.count(result.miners), "poolhub", result.hub, nil))
      for kind in FloorServer.Kind.allCases {
        guard let floor = result.floors[kind] else { continue }
        table.add(row("", kind.rawValue, floor, hub / Spread(floor.perSecond).median))
      }
      if !result.link.p50Milliseconds.isEmpty {
        table.add([
          "", "zeromq alone", "", "", "", milliseconds(result.link.p50Milliseconds),
          milliseconds(result.link.p99Milliseconds),
        ])
      }
      for (connections, rates) in result.byConnections.sorted(by: { $0.key < $1.key }) {
        table.add(row("", "poolhub, \(connections) connections", rates))
      }
      if let fault = result.batchFault { table.add(["", fault, "failed", "", "", "", ""]) }
      if !result.batched.isEmpty {
        table.add(row("", "poolhub, batches of 64", result.batched))
        table.add(row("", "the index alone", result.indexed))
      }
    }
    let conditions = results.map { result in
      """
      \(Format.count(result.miners)) miners: answers of \(Format.count(result.answerBytes)) bytes, latencies at \
      \(Format.count(Int(result.openPerSecond))) requests/s, gateway \(result.gatewayBytes >> 20) MiB, \
      scorers \(result.scorerBytes >> 20) MiB
      """
    }
    return ([table.text] + conditions).joined(separator: "\n")
  }

  static func json(_ results: [PathFigures]) -> String {
    var json = JSONWriter()
    json.array { json in
      for result in results {
        json.object { json in
          json.field("miners", result.miners)
          json.field("answer_bytes", result.answerBytes)
          json.field("open_per_s", result.openPerSecond.rounded())
          json.field("gateway_bytes", result.gatewayBytes)
          json.field("scorer_bytes", result.scorerBytes)
          json.objectField("poolhub") { fields(&$0, result.hub) }
          for (kind, floor) in result.floors.sorted(by: { $0.key.rawValue < $1.key.rawValue }) {
            json.field(named: kind.rawValue) { json in json.object { fields(&$0, floor) } }
          }
          if !result.link.p50Milliseconds.isEmpty {
            json.objectField("zeromq") { latencies(&$0, result.link) }
          }
          json.objectField("connections") { json in
            for (connections, rates) in result.byConnections.sorted(by: { $0.key < $1.key }) {
              json.field(named: String(connections)) { Spread(rates).write(to: &$0) }
            }
          }
          if let fault = result.batchFault { json.field("batch64_fault", fault) }
          if !result.batched.isEmpty {
            json.field(named: "batch64") { Spread(result.batched).write(to: &$0) }
            json.field(named: "index") { Spread(result.indexed).write(to: &$0) }
          }
        }
      }
    }
    return String(decoding: json.bytes, as: UTF8.self)
  }

  private static func row(
    _ miners: String, _ server: String, _ figures: ServerFigures, _ share: Double?
  ) -> [String] {
    var cells = row(miners, server, figures.perSecond)
    cells[4] = share.map { Format.decimal($0, places: 2) } ?? ""
    cells[5] = milliseconds(figures.p50Milliseconds)
    cells[6] = milliseconds(figures.p99Milliseconds)
    return cells
  }

  private static func row(_ miners: String, _ server: String, _ rates: [Double]) -> [String] {
    let rate = Spread(rates)
    return [
      miners, server, Format.count(Int(rate.median)),
      "\(Format.count(Int(rate.least)))–\(Format.count(Int(rate.most)))", "", "", "",
    ]
  }

  private static func milliseconds(_ values: [Double]) -> String {
    Format.decimal(Spread(values).median, places: 2)
  }

  private static func fields(_ json: inout JSONWriter, _ figures: ServerFigures) {
    json.field(named: "per_s") { Spread(figures.perSecond).write(to: &$0) }
    latencies(&json, figures)
  }

  private static func latencies(_ json: inout JSONWriter, _ figures: ServerFigures) {
    json.field(named: "p50_ms") { Spread(figures.p50Milliseconds).write(to: &$0) }
    json.field(named: "p99_ms") { Spread(figures.p99Milliseconds).write(to: &$0) }
  }
}
