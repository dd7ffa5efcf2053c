import CoreMetrics
import Synchronization

/// The process's metrics, rendered for Prometheus. A swift-metrics backend too, for libraries that
/// count through it (`MetricsSystem.bootstrap(registry)`).
///
/// Asking for a series takes a lock and a look-up; keep it where it is used often. Counting on it takes
/// an atomic addition, or a short lock for a histogram.
package final class PrometheusRegistry: MetricsFactory {
  package static let contentType = "text/plain; version=0.0.4; charset=utf-8"

  private struct Family {
    let metric: Metric
    var series: [LabelSet: any MetricSeries] = [:]
  }

  private let listed: [String: Metric]
  private let seriesLimit: Int
  private let families = Mutex<[String: Family]>([:])
  private let callbacks = Mutex<[@Sendable () -> Void]>([])
  private let droppedSeries = CounterSeries(labels: LabelSet([]))

  /// - Parameters:
  ///   - metrics: help texts and buckets; others get defaults by their name.
  ///   - seriesLimit: the most label sets of one metric. Further ones are counted, not rendered.
  package init(metrics: [Metric] = Metric.all, seriesLimit: Int = 1_000) {
    listed = Dictionary(metrics.map { ($0.name, $0) }, uniquingKeysWith: { first, _ in first })
    self.seriesLimit = seriesLimit
  }

  // MARK: Series by the hub's own names

  package func counter(_ metric: Metric, _ labels: [(String, String)] = []) -> CounterSeries {
    series(metric, labels) { labels, _ in CounterSeries(labels: labels) }
  }

  package func gauge(_ metric: Metric, _ labels: [(String, String)] = []) -> GaugeSeries {
    series(metric, labels) { labels, _ in GaugeSeries(labels: labels) }
  }

  package func histogram(_ metric: Metric, _ labels: [(String, String)] = []) -> HistogramSeries {
    series(metric, labels) { HistogramSeries(labels: $0, buckets: $1) }
  }

  /// Makes a gauge's series exactly these, one a value of `label`: what isn't named any more goes.
  /// Over the limit, the largest stay.
  package func setGauges(_ metric: Metric, by label: String, to values: [String: Double]) {
    var kept = values.sorted { ($1.value, $0.key) < ($0.value, $1.key) }
    if kept.count > seriesLimit {
      droppedSeries.increment(by: kept.count - seriesLimit)
      kept.removeLast(kept.count - seriesLimit)
    }
    var family = Family(metric: metric)
    for (value, number) in kept {
      let gauge = GaugeSeries(labels: LabelSet([(label, value)]))
      gauge.set(number)
      family.series[gauge.labels] = gauge
    }
    families.withLock { [family] in $0[metric.name] = family }
  }

  /// Takes one series away, for a peer that left.
  package func remove(_ metric: Metric, _ labels: [(String, String)]) {
    let labels = LabelSet(labels)
    families.withLock { $0[metric.name]?.series[labels] = nil }
  }

  private func series<Series: MetricSeries>(
    _ metric: Metric, _ labels: [(String, String)], make: (LabelSet, [Double]) -> Series
  ) -> Series {
    let labels = LabelSet(labels)
    let found = families.withLock { families -> Series? in
      var family = families[metric.name] ?? Family(metric: metric)
      if let existing = family.series[labels] { return existing as? Series }
      guard family.metric.kind == metric.kind, family.series.count < seriesLimit else { return nil }
      let series = make(labels, metric.buckets)
      family.series[labels] = series
      families[metric.name] = family
      return series
    }
    if let found { return found }
    // Counts for its owner, but is nowhere rendered.
    droppedSeries.increment()
    return make(labels, metric.buckets)
  }

  // MARK: Rendering

  /// Runs `body` before each rendering, to set what is cheaper to ask for than to keep up.
  package func onRender(_ body: @escaping @Sendable () -> Void) {
    callbacks.withLock { $0.append(body) }
  }

  /// The text that Prometheus scrapes: metrics by name, series by labels.
  package func render() -> String {
    for callback in callbacks.withLock({ $0 }) { callback() }
    var shown = families.withLock { Array($0.values) }
    let dropped = Metric.droppedSeries
    shown.append(Family(metric: dropped, series: [droppedSeries.labels: droppedSeries]))
    var text = ""
    for family in shown.sorted(by: { $0.metric.name < $1.metric.name })
    where !family.series.isEmpty {
      let metric = family.metric
      if !metric.help.isEmpty { text += "# HELP \(metric.name) \(metric.help.escapedHelp)\n" }
      text += "# TYPE \(metric.name) \(metric.kind.rawValue)\n"
      for series in family.series.values.sorted(by: { $0.labels < $1.labels }) {
        series.render(name: metric.name, into: &text)
      }
    }
    return text
  }

  // MARK: swift-metrics

  private func metric(_ label: String, _ kind: Metric.Kind) -> Metric {
    let name = label.prometheusName(allowsColon: true)
    if let metric = listed[name], metric.kind == kind { return metric }
    return .unlisted(name, kind)
  }

  package func makeCounter(label: String, dimensions: [(String, String)]) -> any CounterHandler {
    counter(metric(label, .counter), dimensions)
  }

  package func makeFloatingPointCounter(
    label: String, dimensions: [(String, String)]
  ) -> any FloatingPointCounterHandler {
    counter(metric(label, .counter), dimensions)
  }

  package func makeMeter(label: String, dimensions: [(String, String)]) -> any MeterHandler {
    gauge(metric(label, .gauge), dimensions)
  }

  package func makeRecorder(
    label: String, dimensions: [(String, String)], aggregate: Bool
  ) -> any RecorderHandler {
    aggregate
      ? histogram(metric(label, .histogram), dimensions) : gauge(metric(label, .gauge), dimensions)
  }

  /// Keeps seconds, so a name that doesn't end in `_seconds` is made to.
  package func makeTimer(label: String, dimensions: [(String, String)]) -> any TimerHandler {
    let name = label.hasSuffix("_seconds") ? label : label + "_seconds"
    return histogram(metric(name, .histogram), dimensions)
  }

  package func destroyCounter(_ handler: any CounterHandler) { forget(handler) }
  package func destroyMeter(_ handler: any MeterHandler) { forget(handler) }
  package func destroyFloatingPointCounter(_ handler: any FloatingPointCounterHandler) {
    forget(handler)
  }
  package func destroyRecorder(_ handler: any RecorderHandler) { forget(handler) }
  package func destroyTimer(_ handler: any TimerHandler) { forget(handler) }

  private func forget(_ handler: AnyObject) {
    guard let labels = (handler as? any MetricSeries)?.labels else { return }
    families.withLock { families in
      for (name, family) in families where family.series[labels] === handler {
        families[name]?.series[labels] = nil
      }
    }
  }
}
