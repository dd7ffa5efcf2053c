import JSON
import PathBenchmark

/// What came of all parts, put together.
struct BenchTable {
  let parts: [BenchPart]
  private var failedParts: [(command: String, reason: String)] = []
  private var results: [BenchPart.Name: [JSONValue]] = [:]

  init(parts: [BenchPart]) { self.parts = parts }

  mutating func take(_ outcome: BenchPart.Outcome, of part: BenchPart) {
    switch outcome {
    case .figures(let figures): results[part.name, default: []] += figures
    case .failed(let reason): failedParts.append((part.command, reason))
    }
  }

  /// What went wrong, and where.
  var failures: [(command: String, reason: String)] {
    let faults = matches.compactMap { $0.json["batch64_fault"]?.string }
    return failedParts + faults.map { ("batches of 64", $0) }
  }

  /// All that `bench match` measured, by number of miners.
  var matches: [(miners: Int, json: JSONValue)] {
    (results[.match] ?? []).flatMap { $0.array ?? [] }.compactMap { one in
      one["miners"]?.int.map { ($0, one) }
    }.sorted { $0.miners < $1.miners }
  }

  var stores: [(miners: Int, json: JSONValue)] {
    (results[.stores] ?? []).flatMap { $0.array ?? [] }.compactMap { one in
      one["miners"]?.int.map { ($0, one) }
    }
  }

  var twoScorers: JSONValue? { results[.scorers]?.first?.array?.first }
  var feedback: JSONValue? { results[.feedback]?.first }
  var start: JSONValue? { results[.start]?.first }
  var main: JSONValue? { matches.first { $0.miners == BenchSizes.main }?.json }

  /// The same number of each run of a part that has no rounds.
  func spread(_ name: BenchPart.Name, _ path: String...) -> Spread? {
    let values = (results[name] ?? []).compactMap { json in
      path.reduce(Optional(json)) { $0?[$1] }?.double
    }
    return values.isEmpty ? nil : Spread(values)
  }

  var figures: BenchFigures {
    var figures = BenchFigures()
    for (miners, json) in matches { figures.match[miners] = served(json["poolhub"]) }
    for kind in FloorServer.Kind.allCases { figures.floors[kind] = served(main?[kind.rawValue]) }
    for (miners, json) in stores {
      figures.postgres[miners] = served(json["postgres"])
      figures.redis[miners] = served(json["redis"])
    }
    figures.batch64PerSecond = Spread(main?["batch64"])?.median
    figures.indexPerSecond = Spread(main?["index"])?.median
    if let rate = Spread(feedback?["per_s"]), let p99 = Spread(feedback?["p99_ms"]) {
      figures.feedback = .init(perSecond: rate.median, p99Milliseconds: p99.median)
    }
    figures.scorers[1] = Spread(main?["poolhub"]?["per_s"])?.median
    figures.scorers[2] = Spread(twoScorers?["poolhub"]?["per_s"])?.median
    return figures
  }

  private func served(_ json: JSONValue?) -> BenchFigures.Served? {
    guard let rate = Spread(json?["per_s"]), let p50 = Spread(json?["p50_ms"]),
      let p99 = Spread(json?["p99_ms"])
    else { return nil }
    return .init(
      perSecond: rate.median, p50Milliseconds: p50.median, p99Milliseconds: p99.median)
  }
}
