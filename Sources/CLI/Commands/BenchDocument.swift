import JSON
import PathBenchmark

/// The table as a document to read: `BENCHMARKS.md`.
struct BenchDocument {
  let table: BenchTable
  let machine: BenchMachine
  let seconds: Int

  var text: String {
    let sections = [
      head, match, growth, stores, feedback, index, heartbeats, start, ratios, failures, commands,
    ]
    return sections.compactMap { $0 }.joined(separator: "\n\n") + "\n"
  }

  private var head: String {
    """
    # Benchmarks

    What `\(machine.command)` measured: \(machine.description). It took \(seconds) s. Medians of the rounds, with the least and
    the most behind them; each beside its floor in the same run. More of what is measured, and how, says `poolhub help bench`.
    """
  }

  // MARK: The whole path

  private var match: String? {
    if table.matches.isEmpty { return nil }
    var rows = MarkdownTable([
      "miners", "server", "requests/s", "hub's share of it", "p50 ms", "p99 ms",
    ])
    for (miners, json) in table.matches {
      let hub = Spread(json["poolhub"]?["per_s"])?.median
      for name in ["poolhub"] + FloorServer.Kind.allCases.map(\.rawValue) {
        guard let server = json[name], let rate = Spread(server["per_s"]) else { continue }
        let share = name == "poolhub" ? nil : hub.map { $0 / rate.median }
        rows.add([
          name == "poolhub" ? Format.count(miners) : "", name, Self.count(rate),
          share.map { Format.decimal($0, places: 2) } ?? "",
          Self.decimal(Spread(server["p50_ms"])), Self.decimal(Spread(server["p99_ms"])),
        ])
      }
      if let link = json["zeromq"] {
        rows.add([
          "", "zeromq alone", "", "", Self.decimal(Spread(link["p50_ms"])),
          Self.decimal(Spread(link["p99_ms"])),
        ])
      }
    }
    let open = table.main?["open_per_s"]?.double ?? 0
    let bytes = table.main?["answer_bytes"]?.int ?? 0
    return """
      ## A match through the whole path

      `POST /v1/match`, typical requests, 10,000 different ones, over 64 connections that are kept. The gateway, or the floor, has one core; the
      scorer, the clients and the stores have the other. The floors answer each request with a constant as long as the hub's answers
      (\(Format.count(bytes)) bytes). Requests/s by wrk, as many as are answered; latencies at a fixed rate, 30 % of NIO's
      (\(Format.count(Int(open))) requests/s at 100,000 miners), from when each was due. ZeroMQ
      alone is one round trip at that rate between two bare processes on the same two cores: each match makes one.

      \(rows.text)
      """
  }

  private var growth: String? {
    var rows = MarkdownTable(["what grows", "from", "to", "matches/s", "ratio"])
    let rates = table.matches.compactMap { size, json in
      Spread(json["poolhub"]?["per_s"]).map { (size, $0) }
    }
    if let first = rates.first, let last = rates.last, last.0 > first.0 {
      rows.add([
        "miners", Format.count(first.0), Format.count(last.0),
        "\(Self.count(first.1)) → \(Self.count(last.1))", Self.ratio(last.1, first.1),
      ])
    }
    if let one = Spread(table.main?["poolhub"]?["per_s"]),
      let two = Spread(table.twoScorers?["poolhub"]?["per_s"])
    {
      rows.add([
        "scorers", "1", "2", "\(Self.count(one)) → \(Self.count(two))", Self.ratio(two, one),
      ])
    }
    if let connections = table.main?["connections"], let one = Spread(connections["1"]) {
      for count in ["4", "64"] {
        guard let more = Spread(connections[count]) else { continue }
        rows.add([
          "connections", "1", count, "\(Self.count(one)) → \(Self.count(more))",
          Self.ratio(more, one),
        ])
      }
    }
    if let batch = Spread(table.main?["batch64"]),
      let one = Spread(table.main?["poolhub"]?["per_s"])
    {
      rows.add([
        "matches a request", "1", "64", "\(Self.count(one)) → \(Self.count(batch))",
        Self.ratio(batch, one),
      ])
    }
    if rows.isEmpty { return nil }
    return """
      ## What grows

      Batches are asked for over as many connections as matches one by one. Who asks for them runs on both cores,
      wherever there is room.

      \(rows.text)
      """
  }

  // MARK: Stores and feedback

  private var stores: String? {
    if table.stores.isEmpty { return nil }
    var rows = MarkdownTable([
      "miners", "store", "matches/s", "p50 ms", "p99 ms", "the hub's", "times as many",
    ])
    for (miners, json) in table.stores {
      let hub = table.figures.match[miners]?.perSecond
      for (name, title) in [("postgres", "PostgreSQL"), ("redis", "Redis")] {
        guard let rate = Spread(json[name]?["per_s"]) else { continue }
        rows.add([
          name == "postgres" ? Format.count(miners) : "", title, Self.count(rate),
          Self.decimal(Spread(json[name]?["p50_ms"])), Self.decimal(Spread(json[name]?["p99_ms"])),
          hub.map { Format.count(Int($0)) } ?? "–",
          hub.map { Format.decimal($0 / rate.median, places: 1) } ?? "–",
        ])
      }
    }
    return """
      ## PostgreSQL alone, Redis alone

      The same miners and requests without HTTP and without updates, two clients over Unix sockets on both cores: prepared SQL over one covering
      index, capabilities as bit masks, a Lua script over packed records. Their answers are compared with the index's to the bit.

      \(rows.text)
      """
  }

  private var feedback: String? {
    guard let json = table.feedback, let rate = Spread(json["per_s"]) else { return nil }
    let miners = Format.count(json["stored_miners"]?.int ?? 0)
    var rows = MarkdownTable(["", "reports/s", "p50 ms", "p99 ms"])
    rows.add([
      "poolhub", Self.count(rate), Self.decimal(Spread(json["p50_ms"])),
      Self.decimal(Spread(json["p99_ms"])),
    ])
    let floor = json["floor"]
    rows.add([
      "the disk alone", "", Self.decimal(Spread(floor?["p50_ms"])),
      Self.decimal(Spread(floor?["p99_ms"])),
    ])
    return """
      ## Feedback

      `POST /v1/feedback`, each report on another job and durable before it is answered, on \(miners) miners in turn, over \(json["connections"]?.int ?? 0) connections with up to \
      \(json["pipelined"]?.int ?? 0) unanswered each; those that are due within a millisecond leave together. PostgreSQL's `fsync` is \(json["fsync"]?.string ?? "?"), its `synchronous_commit` \
      \(json["synchronous_commit"]?.string ?? "?"). All \(Format.count(json["answered"]?.int ?? 0)) answered reports were in it afterwards. The floor writes
      as many bytes at the same rate to a file and syncs it, some hundred times a second: what waits there waits for the disk.

      \(rows.text)
      """
  }

  // MARK: The parts alone

  private var index: String? {
    guard let p50 = table.spread(.index, "classes", "typical", "p50_us") else { return nil }
    var rows = MarkdownTable(["the index alone, 100,000 miners, one core", "", "floor", "ratio"])
    func add(_ what: String, _ own: Spread?, _ floor: Spread? = nil) {
      guard let own else { return }
      rows.add([
        what, Self.decimal(own), floor.map { Self.decimal($0) } ?? "",
        floor.map { Format.decimal($0.median / own.median, places: 1) } ?? "",
      ])
    }
    add(
      "typical match, p50 µs; floor: a scan over bit masks", p50,
      table.spread(.index, "classes", "typical", "mask_p50_us"))
    add("typical match, p99 µs", table.spread(.index, "classes", "typical", "p99_us"))
    add("a heartbeat among matches, ns", table.spread(.index, "under_updates", "ns"))
    add("bytes a miner", table.spread(.index, "bytes_per_miner"))
    if let rate = table.spread(.index, "processes", "1"),
      let two = table.spread(.index, "processes", "2")
    {
      rows.add(["matches/s of the mix", Self.count(rate), "", ""])
      rows.add([
        "in two processes; floor: one", Self.count(two), Self.count(rate), Self.ratio(two, rate),
      ])
    }
    if let batch = Spread(table.main?["batch64"]), let rate = Spread(table.main?["index"]) {
      rows.add([
        "the hub's batches of 64; floor: the mix, in turn with them", Self.count(batch),
        Self.count(rate), Self.ratio(batch, rate),
      ])
    }
    return "## The index\n\n" + rows.text
  }

  private var heartbeats: String? {
    guard let rate = table.spread(.heartbeats, "heartbeats_per_s") else { return nil }
    var rows = MarkdownTable([
      "server", "heartbeats/s", "ack p99 ms", "CPU ms per 1,000", "bytes a connection",
    ])
    func add(_ name: String, _ path: [String]) {
      func spread(_ field: String) -> Spread? {
        path.isEmpty
          ? table.spread(.heartbeats, field) : table.spread(.heartbeats, path[0], field)
      }
      guard let rate = spread("heartbeats_per_s") else { return }
      rows.add([
        name, Self.count(rate), Self.decimal(spread("ack_p99_ms")),
        Self.decimal(spread("cpu_ms_per_1000")),
        spread("bytes_per_connection").map(Self.count) ?? "–",
      ])
    }
    _ = rate
    add("poolhub", [])
    add("bare NIO echo", ["floor"])
    return "## Heartbeats\n\nOver 5,000 WebSockets, all stores and clients on the same cores.\n\n"
      + rows.text
  }

  private var start: String? {
    var rows = MarkdownTable(["miners", "a scorer is ready after", "its memory", "the gateway's"])
    for (miners, json) in table.matches {
      let start = table.start?["miners"]?.int == miners ? table.start : nil
      let ready = start?["ready_s"]?.double.map { "\(Format.decimal($0, places: 2)) s" }
      rows.add([
        Format.count(miners), ready ?? "", Self.mebibytes(json["scorer_bytes"]),
        Self.mebibytes(json["gateway_bytes"]),
      ])
    }
    return rows.isEmpty ? nil : "## Start-up and memory\n\n" + rows.text
  }

  // MARK: The end

  private var ratios: String? {
    var rows = MarkdownTable(["ratio", ""])
    for (name, value) in BenchRatios.of(table.figures) {
      rows.add(["`\(name)`", Format.decimal(value, places: 3)])
    }
    return rows.isEmpty ? nil : "## Ratios\n\nWhat `poolhub bench check` watches.\n\n" + rows.text
  }

  private var failures: String? {
    if table.failures.isEmpty { return nil }
    let lines = table.failures.map { "- `\($0.command)`: \($0.reason)" }
    return "## Failed\n\n" + lines.joined(separator: "\n")
  }

  private var commands: String {
    "## Commands\n\n```sh\n" + table.parts.map(\.command).joined(separator: "\n") + "\n```"
  }

  // MARK: Cells

  private static func count(_ spread: Spread) -> String {
    "\(Format.count(Int(spread.median))) (\(Format.count(Int(spread.least)))–\(Format.count(Int(spread.most))))"
  }

  private static func decimal(_ spread: Spread?) -> String {
    guard let spread else { return "–" }
    func text(_ value: Double) -> String { Format.decimal(value, places: value < 10 ? 2 : 1) }
    return "\(text(spread.median)) (\(text(spread.least))–\(text(spread.most)))"
  }

  private static func ratio(_ value: Spread, _ base: Spread) -> String {
    Format.decimal(value.median / base.median, places: 2)
  }

  private static func mebibytes(_ json: JSONValue?) -> String {
    json?.int.map { "\(Format.count($0 >> 20)) MiB" } ?? "–"
  }
}

/// A table in Markdown.
private struct MarkdownTable {
  private let titles: [String]
  private var rows: [[String]] = []

  init(_ titles: [String]) { self.titles = titles }

  var isEmpty: Bool { rows.isEmpty }

  mutating func add(_ cells: [String]) { rows.append(cells) }

  var text: String {
    ([titles, titles.map { _ in "---" }] + rows)
      .map { "| " + $0.joined(separator: " | ") + " |" }.joined(separator: "\n")
  }
}
