import Domain
import Fleet
import Glibc
import Messaging
import Postgres
import Simulation
import Synchronization

/// A fleet under load and a nemesis at work, and at the end the audit.
package struct ChaosRun: Sendable {
  package struct Options: Sendable {
    package var seed: UInt64 = 1
    /// How long the nemesis is at work.
    package var seconds = 120
    package var gateways = 2
    package var scorers = 4
    package var miners = 2_000
    /// Matches a second.
    package var matchRate = 100.0
    /// New miners a second, beside the simulated ones.
    package var registrationRate = 10.0
    /// The share of answered matches that is reported on.
    package var feedbackShare = 0.5
    /// Short, so that miners fall silent often enough to be looked for.
    package var leaseSeconds = 6
    package var holdMilliseconds = 500...4_000

    package init() {}
  }

  private static let startLimit = Duration.seconds(120)
  private static let drainLimit = Duration.seconds(60)
  private static let quietLimit = Duration.seconds(30)

  private let options: Options
  private let fleet: ChaosFleet
  private let ledger: Ledger
  private let migrate: @Sendable (String) async throws -> Void
  private let say: @Sendable (String) -> Void

  /// - Parameters:
  ///   - directory: an empty folder that others may pass through; the caller removes it.
  ///   - executables: the folder of `poolhub-gateway` and `poolhub-scorer`.
  ///   - migrate: brings the database of this DSN up to date.
  ///   - say: told one plain line about what is happening.
  package init(
    _ options: Options, directory: String, executables: String,
    migrate: @escaping @Sendable (String) async throws -> Void,
    say: @escaping @Sendable (String) -> Void
  ) {
    self.options = options
    self.migrate = migrate
    self.say = say
    fleet = ChaosFleet(
      directory: directory, executables: executables, gateways: options.gateways,
      scorers: options.scorers,
      settings: ["POOLHUB_LEASE_TTL_SEC=\(options.leaseSeconds)", "POOLHUB_LOG_LEVEL=info"]
        .compactMap { DevOptions.Setting($0) })
    ledger = Ledger(
      gateways: options.gateways, leaseMilliseconds: Int64(options.leaseSeconds) * 1_000)
  }

  /// - Throws: when the fleet can't be started, or doesn't recover from a fault.
  package func run() async throws -> ChaosReport {
    do {
      say("starting \(options.gateways) gateways, \(options.scorers) scorers and their stores")
      try await fleet.start(migrate: migrate)
      let report = try await underLoad()
      await fleet.stop()
      return report
    } catch {
      await fleet.stop()
      throw error
    }
  }

  private func underLoad() async throws -> ChaosReport {
    let urls = await fleet.gatewayURLs
    let secret = await fleet.coordinatorSecret
    let prober = Prober(
      urls: urls, coordinatorSecret: secret, scorers: fleet.scorers, inspector: fleet.inspector,
      ledger: ledger, seed: options.seed)
    let miners = Task { await simulation(urls).run() }
    defer { miners.cancel() }
    try await waitUntilPopulated(prober)
    let balancer = Balancer(
      urls: urls, coordinatorSecret: secret, patience: .milliseconds(1_500))
    let load = Load(
      coordinators: Coordinators(
        balancer: balancer, ledger: ledger, seed: options.seed, rate: options.matchRate,
        feedbackShare: options.feedbackShare),
      registrations: Registrations(
        balancer: balancer, ledger: ledger, seed: options.seed, rate: options.registrationRate))
    async let ended = load.run(drain: Self.drainLimit)
    let nemesis = Nemesis(fleet: fleet, ledger: ledger, prober: prober, say: say)
    let plan = ChaosPlan(
      seed: options.seed, gateways: options.gateways, scorers: options.scorers,
      holdMilliseconds: options.holdMilliseconds)
    let done: [(step: ChaosPlan.Step, recovery: Duration)]
    do {
      done = try await nemesis.run(plan, until: .now + .seconds(options.seconds))
    } catch {
      load.end()
      throw error
    }
    load.end()
    say("the load ends")
    let (skipped, unacknowledged) = await ended
    // Everybody who is there has spoken once more.
    try await Task.sleep(for: .milliseconds(options.leaseSeconds * 500))
    let pausedAt = Timestamp.now
    miners.cancel()
    await miners.value
    var report = ChaosReport(seed: options.seed)
    report.matches = ledger.matches
    report.faults = done.map { ($0.step.fault, $0.recovery) }
    report.skipped = skipped
    report.refusals = ledger.refusals
    if unacknowledged > 0 { report.refusals.append("\(unacknowledged) reports in time") }
    report.staleCandidates = ledger.staleCandidates
    report.registrationsAcknowledged = ledger.registrationCount
    report.feedbackAcknowledged = ledger.feedback.count
    try await audit(into: &report, pausedAt: pausedAt)
    return report
  }

  private func simulation(_ urls: [String]) -> SimulatedPool {
    var options = SimulatedPool.Options(
      urls: urls, miners: self.options.miners, seed: self.options.seed, matchRate: 0,
      feedbackShare: 0, coordinatorSecret: nil)
    // So restless that at any time some are away for longer than their lease.
    options.temper.meanStaySeconds = 40
    options.temper.meanAwaySeconds = 10
    let ledger = ledger
    options.observe = { minerID, sign, gateway in
      ledger.sign(of: minerID, through: gateway, at: .now)
      if sign == .registered { ledger.acknowledgedRegistration(of: minerID, price: nil) }
    }
    return SimulatedPool(options)
  }

  private func waitUntilPopulated(_ prober: Prober) async throws {
    let limit = ContinuousClock.now + Self.startLimit
    // Some are away, as always.
    let enough = options.miners * 7 / 10
    while true {
      let online = fleet.inspector.seen.values.map { Int($0.beat.onlineMiners) }
      let missing = await prober.whatIsMissing()
      if missing == nil && online.allSatisfy({ $0 >= enough }) { return }
      if ContinuousClock.now > limit {
        throw ChaosFailure("not ready: \(missing ?? "\(online) miners online")")
      }
      try await Task.sleep(for: .milliseconds(100))
    }
  }

  // MARK: At the end

  private func audit(into report: inout ChaosReport, pausedAt: Timestamp) async throws {
    let pool = PostgresPool(dsn: fleet.databaseDSN)
    let fresh = "scorer-fresh"
    do {
      try await fleet.start(fresh)
      let scorers = fleet.scorers + [fresh]
      try await waitUntilQuiet(scorers, pool)
      let stored = try await StoredState.read(from: pool)
      report.audit.compare(acknowledged: ledger.feedback, with: stored)
      report.audit.compare(acknowledged: ledger.registrations, with: stored)
      report.audit.replayTrust(of: stored)
      let ids = stored.miners.keys.sorted()
      var holdings: [String: [MinerHolding]] = [:]
      for scorer in scorers {
        holdings[scorer] = try await fleet.inspector.holdings(of: ids, in: scorer)
      }
      report.audit.compare(scorers: holdings, with: stored, onlineAt: pausedAt)
      let beats = fleet.inspector.seen.values.map(\.beat)
      report.auditDifferences = beats.reduce(0) { $0 + Int($1.auditDifferences) }
      await pool.close()
    } catch {
      await pool.close()
      throw error
    }
  }

  /// Nothing waits to be told, and all scorers have come equally far.
  private func waitUntilQuiet(_ scorers: [String], _ pool: PostgresPool) async throws {
    let limit = ContinuousClock.now + Self.quietLimit
    var appliedBefore: StreamID?
    while ContinuousClock.now < limit {
      try await Task.sleep(for: .milliseconds(300))
      let seen = fleet.inspector.seen
      let sightings = scorers.compactMap { seen[$0] }
      let applied = Set(sightings.map(\.applied))
      let isReady = sightings.count == scorers.count && sightings.allSatisfy(\.beat.isReady)
      let isStill = applied.count == 1 && applied.first == appliedBefore
      appliedBefore = applied.first
      if isReady && isStill, try await StoredState.outboxCount(pool) == 0 { return }
    }
    throw ChaosFailure("the scorers never came equally far")
  }
}

/// Everybody who asks something of the hub.
private final class Load: Sendable {
  private let coordinators: Coordinators
  private let registrations: Registrations
  private let isEnough = Atomic<Bool>(false)

  init(coordinators: Coordinators, registrations: Registrations) {
    self.coordinators = coordinators
    self.registrations = registrations
  }

  /// Nothing new is asked; what isn't acknowledged is repeated until it is.
  func end() { isEnough.store(true, ordering: .relaxed) }

  func run(drain: Duration) async -> (skipped: Int, unacknowledged: Int) {
    let isOver: @Sendable () -> Bool = { self.isEnough.load(ordering: .relaxed) }
    async let registered: Void = registrations.run(until: isOver, drain: drain)
    let result = await coordinators.run(until: isOver, drain: drain)
    await registered
    return result
  }
}
