import Synchronization
import Telemetry

/// Counts and times of HTTP answers, by route and status class. Routes are few and fixed.
final class RouteTable: Sendable {
  private let registry: PrometheusRegistry
  private let routes = Mutex<[String: RouteSeries]>([:])

  init(registry: PrometheusRegistry) { self.registry = registry }

  subscript(route: String) -> RouteSeries {
    routes.withLock { routes in
      if let series = routes[route] { return series }
      let series = RouteSeries(route, registry: registry)
      routes[route] = series
      return series
    }
  }
}

/// One route's.
final class RouteSeries: Sendable {
  private let route: String
  private let registry: PrometheusRegistry
  private let latency: HistogramSeries
  /// By status class; a class that never was has none.
  private let counters = Mutex<[CounterSeries?]>(Array(repeating: nil, count: 6))

  init(_ route: String, registry: PrometheusRegistry) {
    self.route = route
    self.registry = registry
    latency = registry.histogram(.httpLatency, [("route", route)])
  }

  func answered(status: Int, after duration: Duration) {
    let statusClass = min(max(status / 100, 0), 5)
    let counter = counters.withLock { counters in
      if let series = counters[statusClass] { return series }
      let series = registry.counter(
        .httpRequests, [("route", route), ("status", "\(statusClass)xx")])
      counters[statusClass] = series
      return series
    }
    counter.increment()
    latency.record(duration)
  }
}
