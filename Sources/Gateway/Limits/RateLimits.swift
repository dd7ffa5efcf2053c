import Admission
import GatewayAPI
import Messaging
import Settings
import Synchronization
import Telemetry

/// What is limited. Its name stands in headers, metrics and Redis.
enum LimitedAction: String, CaseIterable, Sendable {
  case registerAddress = "register_address"
  case registerMiner = "register_miner"
  case heartbeat, match, feedback
  case signIn = "sign_in"
}

/// All limits of this gateway. Decides at once, from memory; `RateLimitSettler` tells the other gateways.
final class RateLimits: Sendable {
  /// One limit with what it is counted in.
  struct Limit: Sendable {
    let action: LimitedAction
    let limiter: RateLimiter
    let policy: String
    /// By mode (shared, alone) and outcome (allowed, limited).
    let counters: [CounterSeries]
  }

  private let limits: [Limit?]
  private let alone = Atomic<Bool>(false)

  init(_ settings: LimitSettings, registry: PrometheusRegistry) {
    limits = LimitedAction.allCases.map { action in
      settings.quota(of: action).map { Limit(action, $0, registry) }
    }
    registry.onRender { [limits, weak self] in
      for case let limit? in limits {
        registry.gauge(.rateLimitKeys, [("limit", limit.action.rawValue)])
          .set(Double(limit.limiter.keyCount))
      }
      let forgotten = limits.reduce(0) { $0 + ($1?.limiter.forgottenCount ?? 0) }
      registry.counter(.limitHits, [("limit", "rate_limit_keys")]).set(total: Double(forgotten))
      registry.gauge(.rateLimitAlone).set(self?.isAlone == true ? 1 : 0)
    }
  }

  /// Those that are set.
  var all: [Limit] { limits.compactMap { $0 } }

  /// Whether what others grant isn't known just now.
  var isAlone: Bool { alone.load(ordering: .relaxed) }

  /// - Parameter gateways: that share the limits out; nil when they settle.
  func setAlone(among gateways: Int?) {
    alone.store(gateways != nil, ordering: .relaxed)
    for limit in all { limit.limiter.share(among: gateways ?? 1) }
  }

  /// Grants one more, or several at once, or refuses them.
  ///
  /// - Returns: what is left, for the answer; nil when there is no such limit.
  /// - Throws: `Problem` 429.
  @discardableResult
  func spend(
    _ action: LimitedAction, by key: String, count: Int = 1
  ) throws(Problem) -> RateLimitFields? {
    guard let limit = self[action] else { return nil }
    let verdict = limit.limiter.ask(key, at: Self.now, count: count)
    self.count(verdict.isAllowed, limit, times: count)
    if !verdict.isAllowed { throw limit.problem(verdict) }
    return limit.fields(verdict)
  }

  /// Refuses where one more would be refused, and counts nothing against anybody.
  ///
  /// - Throws: `Problem` 429.
  func check(_ action: LimitedAction, of key: @autoclosure () -> String) throws(Problem) {
    guard let limit = self[action],
      let verdict = limit.limiter.refusal(of: key(), at: Self.now)
    else { return }
    count(false, limit)
    throw limit.problem(verdict)
  }

  private subscript(_ action: LimitedAction) -> Limit? {
    switch action {
    case .registerAddress: limits[0]
    case .registerMiner: limits[1]
    case .heartbeat: limits[2]
    case .match: limits[3]
    case .feedback: limits[4]
    case .signIn: limits[5]
    }
  }

  private func count(_ isAllowed: Bool, _ limit: Limit, times: Int = 1) {
    limit.counters[(isAlone ? 2 : 0) + (isAllowed ? 0 : 1)].increment(by: Int64(times))
  }

  /// µs of the process's clock.
  static var now: Double { Double(MonotonicClock.microseconds()) }
}

extension RateLimits.Limit {
  init(_ action: LimitedAction, _ quota: RateQuota, _ registry: PrometheusRegistry) {
    self.action = action
    limiter = RateLimiter(quota: quota)
    policy = "\"\(action.rawValue)\";q=\(quota.count);w=\(quota.windowSeconds)"
    counters = ["shared", "alone"].flatMap { mode in
      ["allowed", "limited"].map { outcome in
        registry.counter(
          .rateLimitRequests,
          [("limit", action.rawValue), ("mode", mode), ("outcome", outcome)])
      }
    }
  }

  fileprivate func fields(_ verdict: RateVerdict) -> RateLimitFields {
    RateLimitFields(
      state: "\"\(action.rawValue)\";r=\(verdict.remaining);t=\(Self.seconds(verdict))",
      policy: policy)
  }

  fileprivate func problem(_ verdict: RateVerdict) -> Problem {
    var problem = Problem(
      .rateLimited, "too many requests of this kind: \(limiter.quota.description) is the limit",
      retryAfterSeconds: max(1, Self.seconds(verdict)))
    problem.rateLimit = fields(verdict)
    return problem
  }

  /// Rounded up: who waits so long isn't refused again for a fraction.
  private static func seconds(_ verdict: RateVerdict) -> Int {
    Int((verdict.waitMicroseconds / 1_000_000).rounded(.up))
  }
}

extension LimitSettings {
  fileprivate func quota(of action: LimitedAction) -> RateQuota? {
    switch action {
    case .registerAddress: registerAddress
    case .registerMiner: registerMiner
    case .heartbeat: heartbeat
    case .match: match
    case .feedback: feedback
    case .signIn: signIn
    }
  }
}
