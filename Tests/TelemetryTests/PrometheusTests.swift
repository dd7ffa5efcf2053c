import CoreMetrics
import Testing

@testable import Telemetry

@Suite("Metrics as Prometheus text")
struct PrometheusTests {
  private static let requests = Metric.counter("requests_total", "Requests, by \\ and\nline.")
  private static let temperature = Metric.gauge("temperature", "How warm.")
  private static let wait = Metric.histogram(
    "wait_seconds", "The wait.", buckets: [0.00005, 0.5, 1])
  private static let tableForTests = [requests, temperature, wait]

  private func registry(seriesLimit: Int = 1_000) -> PrometheusRegistry {
    PrometheusRegistry(metrics: Self.tableForTests, seriesLimit: seriesLimit)
  }

  @Test("Metrics are ordered by name and series by labels, with help, type and escapes")
  func golden() {
    let registry = registry()
    registry.histogram(Self.wait, [("route", "match")]).record(0.00005)
    registry.histogram(Self.wait, [("route", "match")]).record(0.75)
    registry.histogram(Self.wait, [("route", "match")]).record(Duration.seconds(2))
    registry.gauge(Self.temperature).set(-1.5)
    registry.counter(Self.requests, [("b", "2"), ("a", "say \"hi\"\\\n")]).increment()
    registry.counter(Self.requests, [("a", "1")]).increment(by: 41)
    registry.counter(Self.requests, [("a", "1")]).increment(by: 0.5)
    #expect(
      registry.render() == #"""
        # HELP poolhub_telemetry_dropped_series_total Label sets left out because their metric has too many.
        # TYPE poolhub_telemetry_dropped_series_total counter
        poolhub_telemetry_dropped_series_total 0
        # HELP requests_total Requests, by \\ and\nline.
        # TYPE requests_total counter
        requests_total{a="1"} 41.5
        requests_total{a="say \"hi\"\\\n",b="2"} 1
        # HELP temperature How warm.
        # TYPE temperature gauge
        temperature -1.5
        # HELP wait_seconds The wait.
        # TYPE wait_seconds histogram
        wait_seconds_bucket{route="match",le="5e-05"} 1
        wait_seconds_bucket{route="match",le="0.5"} 1
        wait_seconds_bucket{route="match",le="1"} 2
        wait_seconds_bucket{route="match",le="+Inf"} 3
        wait_seconds_sum{route="match"} 2.75005
        wait_seconds_count{route="match"} 3

        """#)
  }

  @Test(
    "Numbers are spelled as the format wants them",
    arguments: [
      (0.0, "0"), (-3, "-3"), (0.25, "0.25"), (1e18, "1000000000000000000"), (1e22, "1e+22"),
      (.infinity, "+Inf"), (-.infinity, "-Inf"), (.nan, "NaN"),
    ] as [(Double, String)])
  func numbers(number: Double, text: String) {
    #expect(number.prometheusText == text)
  }

  @Test("Through swift-metrics the same series are reached, timers in seconds, names made valid")
  func swiftMetrics() {
    let registry = registry()
    Counter(label: "requests_total", dimensions: [("a", "1")], factory: registry).increment(by: 2)
    FloatingPointCounter(label: "requests_total", dimensions: [("a", "1")], factory: registry)
      .increment(by: 0.5)
    #expect(registry.counter(Self.requests, [("a", "1")]).value == 2.5)

    let timer = Timer(label: "wait_seconds", factory: registry)
    timer.recordMilliseconds(250)
    Timer(label: "http.server-time", factory: registry).recordSeconds(1)
    Gauge(label: "temperature", factory: registry).record(21)
    let meter = Meter(label: "temperature", factory: registry)
    meter.increment(by: 0.5)
    let text = registry.render()
    #expect(
      text.contains("wait_seconds_bucket{le=\"5e-05\"} 0\nwait_seconds_bucket{le=\"0.5\"} 1\n"))
    #expect(text.contains("wait_seconds_sum 0.25\n"))
    #expect(text.contains("# TYPE http_server_time_seconds histogram\n"))
    #expect(text.contains("temperature 21.5\n"))

    timer.destroy()
    meter.destroy()
    #expect(!registry.render().contains("wait_seconds"))
    #expect(!registry.render().contains("temperature"))
  }

  @Test("A metric keeps to its limit of label sets and counts what it left out")
  func seriesLimit() {
    let registry = registry(seriesLimit: 2)
    for number in 1...5 { registry.counter(Self.requests, [("n", "\(number)")]).increment() }
    registry.counter(Self.requests, [("n", "1")]).increment()
    var text = registry.render()
    #expect(text.contains("requests_total{n=\"1\"} 2\nrequests_total{n=\"2\"} 1\n"))
    #expect(!text.contains("n=\"3\""))
    #expect(text.contains("poolhub_telemetry_dropped_series_total 3\n"))

    registry.setGauges(Self.temperature, by: "room", to: ["a": 1, "b": 3, "c": 2])
    text = registry.render()
    #expect(text.contains("temperature{room=\"b\"} 3\ntemperature{room=\"c\"} 2\n"))
    #expect(text.contains("poolhub_telemetry_dropped_series_total 4\n"))
    registry.setGauges(Self.temperature, by: "room", to: ["d": 1])
    text = registry.render()
    #expect(text.contains("temperature{room=\"d\"} 1\n"))
    #expect(!text.contains("room=\"b\""))
  }

  @Test("One name asked for as two kinds is rendered as the first")
  func kindConflict() {
    let registry = registry()
    registry.counter(Self.requests).increment()
    Meter(label: "requests_total", factory: registry).set(7)
    Meter(label: "requests_total", dimensions: [("a", "1")], factory: registry).set(7)
    let text = registry.render()
    #expect(text.contains("requests_total 1\n"))
    #expect(!text.contains(" 7\n"))
    #expect(text.contains("poolhub_telemetry_dropped_series_total 2\n"))
  }

  @Test("Callbacks set gauges before each rendering")
  func callbacks() {
    let registry = registry()
    let calls = registry.counter(Self.requests)
    registry.onRender { [gauge = registry.gauge(Self.temperature)] in
      calls.increment()
      gauge.set(calls.value)
    }
    #expect(registry.render().contains("temperature 1\n"))
    #expect(registry.render().contains("temperature 2\n"))
  }

  @Test("A counter never goes down, and ignores what is no number")
  func counterGrows() {
    let counter = registry().counter(Self.requests)
    counter.increment(by: -5)
    counter.increment(by: -0.5)
    counter.increment(by: Double.nan)
    counter.increment(by: Double.infinity)
    #expect(counter.value == 0)
  }

  @Test("Nothing is lost when many tasks count, observe and render at once")
  func concurrency() async {
    let registry = registry()
    await withTaskGroup(of: Void.self) { group in
      for task in 0..<8 {
        group.addTask {
          for turn in 0..<2_000 {
            registry.counter(Self.requests, [("n", "\(turn % 4)")]).increment()
            registry.counter(Self.requests).increment(by: 0.5)
            registry.histogram(Self.wait).record(Double(turn % 2))
            registry.gauge(Self.temperature).increment(by: task.isMultiple(of: 2) ? 1 : -1)
            if turn % 500 == 0 { _ = registry.render() }
          }
        }
      }
    }
    let text = registry.render()
    for number in 0..<4 { #expect(text.contains("requests_total{n=\"\(number)\"} 4000\n")) }
    #expect(text.contains("requests_total 8000\n"))
    #expect(text.contains("wait_seconds_bucket{le=\"0.5\"} 8000\n"))
    #expect(text.contains("wait_seconds_count 16000\n"))
    #expect(text.contains("wait_seconds_sum 8000\n"))
    #expect(text.contains("temperature 0\n"))
  }

  @Test("The hub's table has each name once, valid, with a help text, and ascending buckets")
  func table() {
    #expect(Set(Metric.all.map(\.name)).count == Metric.all.count)
    for metric in Metric.all {
      #expect(metric.name == metric.name.prometheusName(allowsColon: false))
      #expect(metric.help.hasSuffix("."))
      #expect(metric.buckets == metric.buckets.sorted())
      #expect(metric.buckets.isEmpty == (metric.kind != .histogram))
      #expect(metric.name.hasSuffix("_total") == (metric.kind == .counter))
    }
    #expect(Metric.matchLatency.buckets.first == 0.00005)
  }

  @Test("The process's figures are there and plausible")
  func process() throws {
    let registry = PrometheusRegistry()
    ProcessMetrics.install(in: registry, process: "tests", version: "1.2.3")
    let text = registry.render()
    #expect(text.contains("poolhub_build_info{process=\"tests\",version=\"1.2.3\"} 1\n"))
    #expect(try #require(ProcessMetrics.residentBytes()) > 1 << 20)
    #expect(try #require(ProcessMetrics.openFileCount()) >= 3)
    #expect(try #require(ProcessMetrics.cpuSeconds()) > 0)
    #expect(try #require(ProcessMetrics.startSeconds()) > 1_700_000_000)
    for metric in Metric.all where metric.name.hasPrefix("process_") {
      #expect(text.contains("\n\(metric.name) "))
    }
  }
}
