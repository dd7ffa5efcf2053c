import IndexBenchmark

enum BenchIndexReport {
  static func text(_ result: IndexBenchmarkResult) -> String {
    var parts = [
      "\(Format.count(result.miners)) miners, at rest; µs a match, baselines at the median",
      classes(result), work(result), updates(result), memory(result),
    ]
    if !result.growth.isEmpty { parts.append(growth(result)) }
    if !result.processes.isEmpty { parts.append(processes(result)) }
    if let postgres = result.postgres { parts.append(self.postgres(postgres)) }
    return parts.joined(separator: "\n\n")
  }

  private static func postgres(_ postgres: PostgresComparison) -> String {
    var table = TextTable([
      ("PostgreSQL", .left), ("p50", .right), ("p99", .right), ("matches/s", .right),
      ("index p50", .right), ("ratio", .right), ("compared", .right), ("differences", .right),
    ])
    for one in postgres.classes {
      table.add([
        one.kind.rawValue, decimal(one.p50Microseconds), decimal(one.p99Microseconds),
        Format.count(Int(one.matchesPerSecond)), decimal(one.indexP50Microseconds),
        ratio(one.p50Microseconds, one.indexP50Microseconds), Format.count(one.comparedCount),
        Format.count(one.differences),
      ])
    }
    let load = Format.decimal(postgres.loadSeconds, places: 1)
    return table.text + "\nloaded and indexed in \(load) s"
  }

  private static func classes(_ result: IndexBenchmarkResult) -> String {
    var table = TextTable([
      ("requests", .left), ("p50", .right), ("p99", .right), ("max", .right),
      ("matches/s", .right), ("plain scan", .right), ("ratio", .right), ("mask scan", .right),
      ("ratio", .right), ("compared", .right), ("differences", .right),
    ])
    for one in result.classes {
      table.add([
        one.kind.rawValue, decimal(one.p50Microseconds), decimal(one.p99Microseconds),
        decimal(one.maxMicroseconds), Format.count(Int(one.matchesPerSecond)),
        decimal(one.plainP50Microseconds), ratio(one.plainP50Microseconds, one.p50Microseconds),
        decimal(one.maskP50Microseconds), ratio(one.maskP50Microseconds, one.p50Microseconds),
        Format.count(one.comparedCount), Format.count(one.differences),
      ])
    }
    return table.text
  }

  private static func work(_ result: IndexBenchmarkResult) -> String {
    var table = TextTable([
      ("touched a match", .left), ("superblocks", .right), ("blocks", .right), ("miners", .right),
      ("of", .right), ("nobody eligible", .right),
    ])
    for one in result.classes {
      let count = Double(max(1, one.matchCount))
      table.add([
        one.kind.rawValue, decimal(Double(one.work.superblocks) / count),
        decimal(Double(one.work.blocks) / count), decimal(Double(one.work.miners) / count),
        "\(Format.count(one.matchCount)) matches",
        percent(Double(one.emptyCount) / Double(max(1, one.comparedCount))),
      ])
    }
    return table.text
  }

  private static func updates(_ result: IndexBenchmarkResult) -> String {
    let updates = result.updates
    return """
      under \(Format.count(Int(updates.perSecond))) updates/s: typical p50 \
      \(decimal(updates.typicalP50Microseconds)) µs, p99 \(decimal(updates.typicalP99Microseconds)) µs \
      (\(ratio(updates.typicalP99Microseconds, result[.typical].p99Microseconds, places: 2)) of that at rest)
      an update: \(Format.decimal(updates.nanoseconds, places: 0)) ns between matches, \
      \(Format.decimal(updates.nanosecondsAlone, places: 0)) ns alone
      the refresh once a second: \(background(result.refresh))
      the upkeep ten times a second: \(background(result.maintenance))
      a third more miners, each: \(background(result.growing))
      the upkeep until they are in order: \(background(result.growingUpkeep))
      """
  }

  private static func background(_ work: IndexBenchmarkResult.Background) -> String {
    "mean \(decimal(work.meanMicroseconds)) µs, max \(decimal(work.maxMicroseconds)) µs, "
      + "\(work.count) times"
  }

  private static func memory(_ result: IndexBenchmarkResult) -> String {
    """
    memory: \(decimal(result.bytesPerMiner)) bytes a miner, strings apart
    built from a snapshot in memory in \(Format.decimal(result.buildSeconds, places: 2)) s
    """
  }

  private static func growth(_ result: IndexBenchmarkResult) -> String {
    var table = TextTable([
      ("miners", .right), ("typical p50", .right), ("p99", .right), ("of the first", .right),
    ])
    for one in result.growth {
      table.add([
        Format.count(one.miners), decimal(one.typicalP50Microseconds),
        decimal(one.typicalP99Microseconds),
        ratio(
          one.typicalP50Microseconds, result.growth[0].typicalP50Microseconds, places: 2),
      ])
    }
    return table.text
  }

  private static func processes(_ result: IndexBenchmarkResult) -> String {
    let one = result.processes[1] ?? 0
    return result.processes.sorted { $0.key < $1.key }.map { count, rate in
      let share = count == 1 ? "" : ", \(ratio(rate, one, places: 2)) times one's"
      let noun = count == 1 ? "process" : "processes at once"
      return "\(count) \(noun): \(Format.count(Int(rate))) matches/s of the mix\(share)"
    }.joined(separator: "\n")
  }

  private static func decimal(_ value: Double) -> String { Format.decimal(value, places: 1) }

  private static func percent(_ share: Double) -> String {
    "\(Format.decimal(share * 100, places: 0)) %"
  }

  private static func ratio(_ value: Double, _ base: Double, places: Int = 1) -> String {
    base == 0 ? "–" : Format.decimal(value / base, places: places)
  }
}
