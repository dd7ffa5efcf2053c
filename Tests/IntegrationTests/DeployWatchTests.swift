import Foundation
import JSON
import Telemetry
import TestSupport
import Testing

extension RunningProcesses.Deploy {
  /// Rules, dashboard, table and runbook, held against the metrics that there are.
  @Suite("How the hub is watched") struct Watch {
    private static let folder = PythonRun.root + "/deploy"

    private static func text(_ file: String) throws -> String {
      try String(contentsOfFile: "\(folder)/\(file)", encoding: .utf8)
    }

    @Test(
      "promtool has nothing against the rules, their tests and the scrape",
      arguments: [
        ["check", "rules", "poolhub-alerts.yml"], ["test", "rules", "poolhub-alerts.test.yml"],
        ["check", "config", "--syntax-only", "prometheus.yml"],
      ])
    func promtool(arguments: [String]) async throws {
      let file = "\(Self.folder)/prometheus/\(try #require(arguments.last))"
      let run = try await ProgramRun.tool("/usr/bin/promtool", arguments.dropLast() + [file])
      #expect(run.status == 0, "\(run.output)")
    }

    @Test("Rules, their tests and the dashboard name metrics that there are")
    func names() throws {
      var known: Set<String> = ["process_start_time_seconds"]
      for metric in Metric.all {
        known.insert(metric.name)
        guard metric.kind == .histogram else { continue }
        for ending in ["_bucket", "_sum", "_count"] { known.insert(metric.name + ending) }
      }
      for file in [
        "prometheus/poolhub-alerts.yml", "prometheus/poolhub-alerts.test.yml",
        "grafana/poolhub.json",
      ] {
        let named = Set(
          try Self.text(file).matches(of: /\b(?:poolhub|process)_[a-z_]+/).map {
            String($0.output)
          })
        #expect(named.count > 20)
        #expect(named.subtracting(known).isEmpty, "\(file) names what isn't there")
      }
    }

    @Test("Each panel of the dashboard has a query and a place of its own")
    func dashboard() throws {
      let dashboard = try JSONValue.parse(Array(try Self.text("grafana/poolhub.json").utf8))
      let panels = try #require(dashboard["panels"]?.array)
      #expect(panels.count > 20)
      #expect(Set(panels.compactMap { $0["id"]?.int }).count == panels.count)
      for panel in panels where panel["type"]?.string != "row" {
        #expect(panel["targets"]?.array?.isEmpty == false, "\(panel["title"]?.string ?? "?")")
      }
      var taken: Set<[Int]> = []
      for panel in panels {
        let place = try #require(panel["gridPos"])
        let (x, y) = (place["x"]?.int ?? 0, place["y"]?.int ?? 0)
        for column in x..<(x + (place["w"]?.int ?? 0)) {
          for row in y..<(y + (place["h"]?.int ?? 0)) {
            #expect(column < 24 && taken.insert([column, row]).inserted)
          }
        }
      }
    }

    /// Written anew with `POOLHUB_WRITE_METRICS=1 swift test --filter Watch`.
    @Test("The table of metrics holds all of them, as MetricNames.swift has them")
    func table() throws {
      let rows = Metric.all.sorted { $0.name < $1.name }.map { metric in
        "| `\(metric.name)` | \(metric.kind.rawValue) | \(metric.help) |"
      }
      let table = (["| metric | kind | what it says |", "|---|---|---|"] + rows)
        .joined(separator: "\n")
      let file = "METRICS.md"
      let current = try Self.text(file)
      let start = try #require(current.range(of: "| metric |")).lowerBound
      let expected = current[..<start] + table + "\n"
      if ProcessInfo.processInfo.environment["POOLHUB_WRITE_METRICS"] == "1" {
        try expected.write(
          toFile: "\(Self.folder)/\(file)", atomically: true, encoding: .utf8)
      }
      #expect(try Self.text(file) == expected)
    }

    @Test("The runbook says for each alert what to do, and for no other")
    func runbook() throws {
      func names(_ file: String, _ pattern: Regex<(Substring, Substring)>) throws -> [String] {
        try Self.text(file).matches(of: pattern).map { String($0.output.1) }.sorted()
      }
      let alerts = try names("prometheus/poolhub-alerts.yml", /- alert: (\w+)/)
      #expect(alerts.count > 20)
      #expect(try names("RUNBOOK.md", /\n\| `(Poolhub\w+)` \|/) == alerts)
      let tested = Set(
        try names("prometheus/poolhub-alerts.test.yml", /alertname: (\w+)\n\s+exp_alerts:\n/))
      #expect(Set(alerts).subtracting(tested).isEmpty, "rules that no test makes speak")
    }
  }
}
