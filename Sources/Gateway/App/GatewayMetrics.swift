import Changes
import Domain
import GatewayHistory
import Messaging
import OnePort
import Postgres
import Redis
import ScorerClient
import Telemetry
import Wire

/// What a gateway counts. Series that every request touches are looked up once.
struct GatewayMetrics: Sendable {
  enum Transport: String { case http, webSocket = "websocket" }

  private let registry: PrometheusRegistry
  private let routes: RouteTable
  private let httpHeartbeats: CounterSeries
  private let webSocketHeartbeats: CounterSeries
  private let matched: CounterSeries
  private let empty: CounterSeries
  private let refused: CounterSeries
  private let failed: CounterSeries
  private let failures: CounterSeries
  private let batches: CounterSeries
  private let candidates: CounterSeries
  private let matchLatency: HistogramSeries
  private let rejections: [CounterSeries]
  private let reports: [Outcome: CounterSeries]
  private let provenReports: CounterSeries
  private let unprovenReports: CounterSeries
  private let repeatedReports: CounterSeries
  private let feedbackLatency: HistogramSeries
  private let badFrames: CounterSeries

  init(registry: PrometheusRegistry) {
    self.registry = registry
    routes = RouteTable(registry: registry)
    httpHeartbeats = registry.counter(.heartbeats, [("transport", Transport.http.rawValue)])
    webSocketHeartbeats = registry.counter(
      .heartbeats, [("transport", Transport.webSocket.rawValue)])
    matched = registry.counter(.matchRequests, [("outcome", "matched")])
    empty = registry.counter(.matchRequests, [("outcome", "empty")])
    refused = registry.counter(.matchRequests, [("outcome", "refused")])
    failed = registry.counter(.matchRequests, [("outcome", "failed")])
    failures = registry.counter(.matchFailures)
    batches = registry.counter(.matchBatches)
    candidates = registry.counter(.matchCandidates)
    matchLatency = registry.histogram(.matchLatency)
    rejections = RejectionReason.allCases.map {
      registry.counter(.matchRejections, [("reason", $0.name)])
    }
    reports = Dictionary(
      uniqueKeysWithValues: Outcome.allCases.map {
        ($0, registry.counter(.feedback, [("outcome", $0.rawValue)]))
      })
    provenReports = registry.counter(.feedbackOffers, [("offer", "proven")])
    unprovenReports = registry.counter(.feedbackOffers, [("offer", "none")])
    repeatedReports = registry.counter(.feedbackDuplicates)
    feedbackLatency = registry.histogram(.feedbackLatency)
    badFrames = registry.counter(.limitHits, [("limit", "bad_frame")])
  }

  func render() -> String { registry.render() }

  func answered(route: String, status: Int, after duration: Duration) {
    self.route(route).answered(status: status, after: duration)
  }

  /// The series of one route, for whoever answers it often.
  func route(_ route: String) -> RouteSeries { routes[route] }

  func heartbeats(_ transport: Transport) -> CounterSeries {
    transport == .http ? httpHeartbeats : webSocketHeartbeats
  }

  func badFrame() { badFrames.increment() }

  /// By the hub's own code, or by the way it ended: a peer's codes are its own invention.
  func closed(_ closure: WebSocketClosure) {
    let code = closure.cause == .hub ? "\(closure.code.rawValue)" : "\(closure.cause)"
    registry.counter(.webSocketClosures, [("code", code)]).increment()
  }

  func matched(_ answer: WrittenAnswer, after duration: Duration) {
    (answer.candidates.isEmpty ? empty : matched).increment()
    candidates.increment(by: Int64(answer.candidates.count))
    matchLatency.record(duration)
    guard let counts = answer.counts else { return }
    for (series, count) in zip(rejections, counts.rejected) where count > 0 {
      series.increment(by: Int64(count))
    }
  }

  /// A batch was answered, whatever was said to its entries.
  func batchAnswered() { batches.increment() }

  /// No scorer answered.
  func matchFailed() {
    failed.increment()
    failures.increment()
  }

  /// The request itself was at fault.
  func matchRefused() { refused.increment() }

  func fedBack(_ report: FeedbackReport, duplicate: Bool, after duration: Duration) {
    feedbackLatency.record(duration)
    if duplicate { return repeatedReports.increment() }
    reports[report.outcome]?.increment()
    (report.offer == nil ? unprovenReports : provenReports).increment()
  }

  func registered(created: Bool) {
    registry.counter(.registrations, [("created", String(created))]).increment()
  }

  func issuedKey(_ kind: IssuedKey.Kind) {
    registry.counter(.keysIssued, [("kind", kind.rawValue)]).increment()
  }

  func revokedKey(_ kind: IssuedKey.Kind) {
    registry.counter(.keysRevoked, [("kind", kind.rawValue)]).increment()
  }

  /// A secret, key or session token was presented, and is not taken.
  func refusedKey(_ reason: String) {
    registry.counter(.keyRefusals, [("reason", reason)]).increment()
  }

  func limitHit(_ limit: String) { registry.counter(.limitHits, [("limit", limit)]).increment() }

  /// What the pool's page shows of all this, since the start.
  struct Totals: Sendable {
    var heartbeats: Int
    /// Answered, with candidates or without.
    var matches: Int
    var failures: Int
    /// One a bucket of `Metric.matchLatency`, and one for what is slower.
    var latencyCounts: [UInt64]
    /// One a `RejectionReason`, in its order.
    var rejections: [Int]
  }

  func totals() -> Totals {
    Totals(
      heartbeats: Int(httpHeartbeats.value + webSocketHeartbeats.value),
      matches: Int(matched.value + empty.value), failures: Int(failures.value),
      latencyCounts: matchLatency.counts, rejections: rejections.map { Int($0.value) })
  }

  /// Sets what is cheaper to ask for at a scrape than to keep up.
  func observe(
    scorers: ScorerClient, writer: ChangeWriter, connections: ConnectionTable,
    history: MatchHistory
  ) {
    registry.onRender { [registry] in
      registry.gauge(.webSockets).set(Double(connections.count))
      Self.show(scorers.snapshot(), in: registry)
      Self.show(scorers.counters(), in: registry)
      registry.gauge(.dispatchWaiting).set(Double(scorers.waitingCount))
      Self.show(scorers.messagingCounters, in: registry)
      Self.show(writer.counters, in: registry)
      Self.show(history.counters, in: registry)
    }
  }

  func observe(_ archiver: StatusArchiver) {
    registry.onRender { [registry] in
      registry.counter(.statusesArchived).set(total: Double(archiver.written))
    }
  }

  private static func show(_ scorers: [ScorerSnapshot], in registry: PrometheusRegistry) {
    func set(_ metric: Metric, _ value: (ScorerSnapshot) -> Double) {
      registry.setGauges(
        metric, by: "scorer",
        to: Dictionary(scorers.map { ($0.scorerID, value($0)) }, uniquingKeysWith: max))
    }
    set(.scorerUp) { $0.state == .silent || $0.state == .incompatible ? 0 : 1 }
    set(.scorerReady) { $0.isUsable ? 1 : 0 }
    set(.scorerCircuitOpen) { $0.circuit == .closed ? 0 : 1 }
    set(.scorerInFlight) { Double($0.inFlight) }
    set(.scorerWaiting) { Double($0.beat.waiting) }
    set(.scorerAnswerRate) { $0.answersPerSecond }
    set(.scorerLag) { Double($0.beat.lagMilliseconds) / 1_000 }
    set(.scorerSpreadOffers) { Double($0.beat.spreadOffers) }
    set(.scorerMinersOnline) { Double($0.beat.onlineMiners) }
    func setTotals(_ metric: Metric, _ value: (Beat) -> UInt64) {
      for scorer in scorers {
        registry.counter(metric, [("scorer", scorer.scorerID)])
          .set(total: Double(value(scorer.beat)))
      }
    }
    setTotals(.scorerAnswers) { $0.answers }
    setTotals(.scorerDropped) { $0.dropped }
    setTotals(.scorerRefused) { $0.refused }
    setTotals(.scorerSpreadForgotten) { $0.spreadForgotten }
    setTotals(.scorerAuditedAnswers) { $0.auditedAnswers }
    setTotals(.scorerAuditDifferences) { $0.auditDifferences }
    for scorer in scorers {
      registry.histogram(.scorerHeartbeatDelay, [("scorer", scorer.scorerID)]).set(
        counts: scorer.beat.delays.counts,
        sum: Double(scorer.beat.delays.sumMilliseconds) / 1_000)
    }
    guard let furthest = scorers.filter(\.isUsable).max(by: { $0.applied < $1.applied }) else {
      return
    }
    registry.gauge(.registryLag).set(Double(furthest.beat.lagMilliseconds) / 1_000)
    registry.setGauges(
      .minersOnline, by: "region",
      to: Dictionary(
        furthest.beat.regions.map { ($0.name, Double($0.online)) }, uniquingKeysWith: +))
  }

  private static func show(_ counters: DispatchCounters, in registry: PrometheusRegistry) {
    registry.counter(.matchRetries).set(total: Double(counters.moved + counters.retried))
    registry.counter(.matchHedges, [("won", "true")]).set(total: Double(counters.hedgesWon))
    registry.counter(.matchHedges, [("won", "false")]).set(
      total: Double(max(0, counters.hedged - counters.hedgesWon)))
    registry.counter(.dispatchExpired).set(total: Double(counters.expired))
    registry.counter(.dispatchLate).set(total: Double(counters.late))
    registry.counter(.limitHits, [("limit", "scorer_queue")]).set(
      total: Double(counters.overloaded))
  }

  private static func show(_ counters: MessagingCounters, in registry: PrometheusRegistry) {
    for (fault, count) in [
      ("malformed", counters.malformedFrames), ("oversize", counters.oversizeRecords),
      ("undelivered", counters.undeliveredFrames),
    ] {
      registry.counter(.scorerFrameFaults, [("fault", fault)]).set(total: Double(count))
    }
    for (reason, count) in [
      ("unknown_key", counters.refusedKeys), ("handshake", counters.refusedHandshakes),
    ] {
      registry.counter(.scorerLinksRefused, [("reason", reason)]).set(total: Double(count))
    }
  }

  private static func show(_ counters: ChangeWriter.Counters, in registry: PrometheusRegistry) {
    registry.counter(.changeFlushes).set(total: Double(counters.flushes))
    registry.counter(.changeEntries).set(total: Double(counters.entries))
    registry.counter(.changesWritten).set(total: Double(counters.changes))
    registry.counter(.changeFailures).set(total: Double(counters.failures))
    registry.counter(.limitHits, [("limit", "pending_changes")]).set(
      total: Double(counters.dropped))
    registry.gauge(.changesPending).set(
      Double(counters.pendingChanges + counters.pendingStatuses))
  }
}

extension GatewayMetrics {
  /// The stores, as the health path tells of them.
  func observe(_ health: HealthMonitor) {
    registry.onRender { [registry] in
      let stores = health.stores
      registry.setGauges(
        .storeUp, by: "store",
        to: [
          "postgresql": stores.databaseError == nil ? 1 : 0,
          "redis": stores.redisError == nil ? 1 : 0,
        ])
    }
  }

  /// The queues in front of the stores.
  func observe(pool: PostgresPool, redis: RedisClient) {
    registry.onRender { [registry] in
      let statistics = pool.statistics
      registry.gauge(.postgresWaiting).set(Double(statistics.waitingCount))
      registry.counter(.limitHits, [("limit", "postgres_queue")]).set(
        total: Double(statistics.refusedCount))
      registry.counter(.limitHits, [("limit", "redis_queue")]).set(
        total: Double(redis.refusedCount))
    }
  }

  private static func show(_ counters: MatchHistory.Counters, in registry: PrometheusRegistry) {
    registry.counter(.matchHistoryRows).set(total: Double(counters.written))
    registry.gauge(.matchHistoryWaiting).set(Double(counters.waiting))
    for (limit, count) in [
      ("match_history", counters.dropped), ("match_history_rate", counters.leftOut),
    ] {
      registry.counter(.limitHits, [("limit", limit)]).set(total: Double(count))
    }
  }
}
