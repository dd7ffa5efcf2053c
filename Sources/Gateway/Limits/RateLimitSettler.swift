import Admission
import Logging
import Messaging
import Redis
import ServiceLifecycle

/// Tells the other gateways, through Redis, what this one granted, and learns what they did, so that a
/// limit holds over all of them. No request waits for it.
struct RateLimitSettler: Service {
  /// How often.
  static let interval = Duration.milliseconds(50)
  /// Of one limit at a time; the others' turn comes next.
  static let callerLimit = 500
  /// An answer that takes longer is no news: the gateway goes on by itself until one is quicker.
  static let patience = Duration.milliseconds(500)
  /// A caller's largest debt, in bursts and settling intervals: what so many gateways may grant one that all of
  /// them begin to hear at once.
  static let gatewayLimit = 16.0

  let limits: RateLimits
  let store: RedisRateLimitStore
  let announcer: GatewayAnnouncer
  let logger: Logger

  func run() async throws {
    if limits.all.isEmpty {
      try? await gracefulShutdown()
      return
    }
    await cancelWhenGracefulShutdown {
      while !Task.isCancelled {
        await self.settle()
        try? await Task.sleep(for: Self.interval)
      }
    }
  }

  private func settle() async {
    let now = RateLimits.now
    let told = limits.all.map { ($0, $0.limiter.unsettled(limit: Self.callerLimit, at: now)) }
      .filter { !$0.1.isEmpty }
    if told.isEmpty { return }
    // While an answer is late, requests are still being decided.
    await withTaskGroup(of: Void.self) { group in
      group.addTask {
        try? await Task.sleep(for: Self.patience)
        if !Task.isCancelled { self.goAlone("no answer yet") }
      }
      await exchange(told, at: now)
      group.cancelAll()
    }
  }

  private func exchange(
    _ told: [(limit: RateLimits.Limit, spendings: [RateLimiter.Spending])], at now: Double
  ) async {
    let started = ContinuousClock.now
    do {
      let debts = try await store.settle(told.map { Self.grants($0.limit, $0.spendings) })
      for ((limit, spendings), debts) in zip(told, debts) {
        limit.limiter.settle(spendings, debts: debts, told: now)
      }
      if .now - started < Self.patience { goTogether() }
    } catch {
      for (limit, spendings) in told { limit.limiter.unsettle(spendings, told: now) }
      goAlone("\(error)")
    }
  }

  private static func grants(
    _ limit: RateLimits.Limit, _ spendings: [RateLimiter.Spending]
  ) -> RedisRateLimitStore.Grants {
    let quota = limit.limiter.quota
    let step = Double(interval.components.attoseconds) / 1e12
    return RedisRateLimitStore.Grants(
      limit: limit.action.rawValue, interval: quota.interval,
      ceiling: gatewayLimit * (quota.tolerance + quota.interval + step),
      callers: spendings.map {
        RedisRateLimitStore.Caller(key: $0.key, count: $0.count, age: $0.age, debt: $0.debt)
      })
  }

  private func goAlone(_ reason: String) {
    if !limits.isAlone {
      logger.warning(
        "limits are kept without the other gateways", metadata: ["reason": "\(reason)"])
    }
    // As many as were there last.
    limits.setAlone(among: announcer.gateways.count)
  }

  private func goTogether() {
    if !limits.isAlone { return }
    logger.notice("limits are kept together with the other gateways again")
    limits.setAlone(among: nil)
  }
}
