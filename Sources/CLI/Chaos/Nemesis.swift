import Domain
import Fleet
import Glibc
import Messaging
import Redis

/// Does to a fleet what the plan says, mends it, and measures how long it takes to be whole again.
struct Nemesis: Sendable {
  /// Who isn't whole again after so long never will be.
  private static let recoveryLimit = Duration.seconds(60)
  private static let pollInterval = Duration.milliseconds(20)

  let fleet: ChaosFleet
  let ledger: Ledger
  let prober: Prober
  let say: @Sendable (String) -> Void

  /// Goes on until `end`; the step that is under way then is finished.
  /// - Returns: what was done, with the time from mending until the fleet was whole again.
  func run(
    _ plan: ChaosPlan, until end: ContinuousClock.Instant
  ) async throws -> [(step: ChaosPlan.Step, recovery: Duration)] {
    var plan = plan
    var done: [(step: ChaosPlan.Step, recovery: Duration)] = []
    while ContinuousClock.now < end {
      let step = plan.next()
      try await Task.sleep(for: .milliseconds(step.calmMilliseconds))
      let recovery = try await inflict(step)
      say("\(step.description): whole again in \(recovery.milliseconds) ms")
      done.append((step, recovery))
    }
    return done
  }

  private func inflict(_ step: ChaosPlan.Step) async throws -> Duration {
    ledger.nowUnder(step.fault)
    if step.fault.holdsStreamUp { ledger.leaseClocksMayStandStill(true, at: .now) }
    let mended = try await perform(step)
    try await waitUntilWhole(after: step)
    let recovery = ContinuousClock.now - mended
    if step.fault.holdsStreamUp { ledger.leaseClocksMayStandStill(false, at: .now) }
    ledger.nowUnder(nil)
    return recovery
  }

  /// - Returns: when the fault was over: the process was being started again, the link passed on.
  private func perform(_ step: ChaosPlan.Step) async throws -> ContinuousClock.Instant {
    let hold = Duration.milliseconds(step.holdMilliseconds)
    let victims = step.victims(gateways: fleet.gateways, scorers: fleet.scorers)
    switch step.fault {
    case .scorerKilled, .scorersKilled, .gatewayKilled, .redisKilled, .postgresKilled:
      for name in victims { await fleet.end(name, with: SIGKILL) }
      try await Task.sleep(for: hold)
      return try await start(victims)
    case .scorerRestarted, .gatewayRestarted, .redisRestarted, .postgresRestarted:
      // PostgreSQL waits for its clients at SIGTERM.
      let signal = step.fault == .postgresRestarted ? SIGINT : SIGTERM
      for name in victims where await !fleet.end(name, with: signal) {
        throw ChaosFailure("\(name) didn't end by itself")
      }
      return try await start(victims)
    case .scorerStopped, .gatewayStopped, .redisStopped, .postgresStopped:
      let stoppedAt = Timestamp.now
      for name in victims { await fleet.signal(name, SIGSTOP) }
      try await Task.sleep(for: hold)
      let mended = ContinuousClock.now
      for name in victims { await fleet.signal(name, SIGCONT) }
      if step.fault == .gatewayStopped {
        // A little later, when it has read what waited.
        try await Task.sleep(for: .milliseconds(200))
        ledger.resumed(gateway: step.victim, stoppedAt: stoppedAt, now: .now)
      }
      return mended
    case .redisEmptied:
      let redis = try RedisClient(url: RedisURL(fleet.redisURL))
      _ = try await redis.send(RedisCommand("FLUSHALL"))
      return .now
    case .scorerCutFromGateway, .scorerCutFromRedis, .scorerCutFromPostgres, .gatewayCutFromRedis,
      .gatewayCutFromPostgres:
      let links = step.links(gateways: fleet.gateways, scorers: fleet.scorers)
      await fleet.cut(links, step.cut)
      try await Task.sleep(for: hold)
      let mended = ContinuousClock.now
      await fleet.mend(links)
      return mended
    }
  }

  private func start(_ names: [String]) async throws -> ContinuousClock.Instant {
    let start = ContinuousClock.now
    for name in names { try await fleet.start(name) }
    return start
  }

  private func waitUntilWhole(after step: ChaosPlan.Step) async throws {
    let limit = ContinuousClock.now + Self.recoveryLimit
    while let missing = await prober.whatIsMissing() {
      let ended = await fleet.ended(of: fleet.gateways + fleet.scorers + ["redis", "postgres"])
      if let name = ended.first {
        throw ChaosFailure("\(name) has ended by itself after: \(step.description)")
      }
      if ContinuousClock.now > limit {
        throw ChaosFailure("not whole again after: \(step.description): \(missing)")
      }
      try await Task.sleep(for: Self.pollInterval)
    }
  }
}

/// The run cannot go on; there is nothing to audit.
package struct ChaosFailure: Error, CustomStringConvertible {
  package let description: String

  init(_ description: String) { self.description = description }
}

extension ChaosPlan.Step {
  /// The processes that it is done to.
  package func victims(gateways: [String], scorers: [String]) -> [String] {
    switch fault.victim {
    case .redis: ["redis"]
    case .postgres: ["postgres"]
    case .gateway: [gateways[victim]]
    case .scorer:
      fault == .scorersKilled
        ? scorers.enumerated().filter { $0.offset != victim }.map(\.element) : [scorers[victim]]
    }
  }

  /// The links that are cut.
  package func links(gateways: [String], scorers: [String]) -> [ChaosFleet.LinkName] {
    let from = victims(gateways: gateways, scorers: scorers)[0]
    let to: [String] =
      switch fault {
      case .scorerCutFromGateway: gateway.map { [gateways[$0]] } ?? gateways
      case .scorerCutFromRedis, .gatewayCutFromRedis: ["redis"]
      case .scorerCutFromPostgres, .gatewayCutFromPostgres: ["postgres"]
      default: []
      }
    return to.map { ChaosFleet.LinkName(from: from, to: $0) }
  }

  /// One line for people.
  package var description: String {
    let isStore = fault.victim == .redis || fault.victim == .postgres
    let number =
      isStore ? "" : fault == .scorersKilled ? " (all but \(victim + 1))" : " (\(victim + 1))"
    let isCut = fault.rawValue.contains("_cut_")
    let how = isCut ? (cut == .silent ? ", in silence" : ", refused") : ""
    let lasts = fault.rawValue.hasSuffix("_restarted") || fault == .redisEmptied
    return "\(fault.rawValue)\(number)\(how)" + (lasts ? "" : " for \(holdMilliseconds) ms")
  }
}
