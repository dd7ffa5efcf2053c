import JSON

/// The rounds at one number of miners.
struct BenchResult {
  let miners: Int
  var hub: [WrkRun.Measurement] = []
  var bare: [WrkRun.Measurement] = []

  init(miners: Int) { self.miners = miners }

  /// The hub's rate as a share of the constant's.
  var ratio: Double {
    Spread(hub.map(\.requestsPerSecond)).median / Spread(bare.map(\.requestsPerSecond)).median
  }
}

/// A few measurements of one thing.
struct Spread {
  let median: Double
  let least: Double
  let most: Double

  /// - Precondition: `values` isn't empty.
  init(_ values: [Double]) {
    let sorted = values.sorted()
    let middle = sorted.count / 2
    median = sorted.count % 2 == 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2
    least = sorted[0]
    most = sorted[sorted.count - 1]
  }
}

enum BenchReport {
  static func table(_ results: [BenchResult]) -> String {
    var table = TextTable([
      ("miners", .right), ("server", .left), ("requests/s", .right), ("least–most", .right),
      ("p50", .right), ("p99", .right), ("of the constant", .right),
    ])
    for result in results {
      table.add(row(Format.count(result.miners), "poolhub", result.hub, result.ratio))
      table.add(row("", "constant", result.bare, nil))
    }
    return table.text
  }

  static func json(_ results: [BenchResult]) -> String {
    var json = JSONWriter()
    json.array { json in
      for result in results {
        json.object { json in
          json.field("miners", result.miners)
          json.objectField("poolhub") { fields(&$0, result.hub) }
          json.objectField("constant") { fields(&$0, result.bare) }
          json.field("ratio", result.ratio)
        }
      }
    }
    return String(decoding: json.bytes, as: UTF8.self)
  }

  private static func row(
    _ miners: String, _ server: String, _ rounds: [WrkRun.Measurement], _ ratio: Double?
  ) -> [String] {
    let rate = Spread(rounds.map(\.requestsPerSecond))
    return [
      miners, server, Format.count(Int(rate.median)),
      "\(Format.count(Int(rate.least)))–\(Format.count(Int(rate.most)))",
      Format.duration(microseconds(rounds.map(\.p50))),
      Format.duration(microseconds(rounds.map(\.p99))),
      ratio.map { Format.decimal($0, places: 2) } ?? "",
    ]
  }

  private static func fields(_ json: inout JSONWriter, _ rounds: [WrkRun.Measurement]) {
    let rate = Spread(rounds.map(\.requestsPerSecond))
    json.field("requests_per_sec", rate.median)
    json.field("requests_per_sec_least", rate.least)
    json.field("requests_per_sec_most", rate.most)
    json.field("p50_us", Spread(rounds.map { $0.p50 / .microseconds(1) }).median)
    json.field("p99_us", Spread(rounds.map { $0.p99 / .microseconds(1) }).median)
  }

  private static func microseconds(_ values: [Duration]) -> Duration {
    .microseconds(Int64(Spread(values.map { $0 / .microseconds(1) }).median))
  }
}
