import Domain
import Fleet
import Foundation
import Glibc
import PathBenchmark
import Simulation

/// The hub that is measured: one gateway and its scorers, on cores of their own where there are any, over stores
/// that are filled before anything starts.
struct BenchHub: Sendable {
  let hub: DevHub
  let state: DevState
  let client: HubClient
  let gatewayPort: Int
  let cores: CorePlan?

  /// - Parameters:
  ///   - cores: nil binds nobody.
  ///   - settings: more of them, as `KEY=VALUE`.
  ///   - executables: where its programs are; nil: where we are.
  ///   - say: told what is going on.
  static func start(
    folder: String, miners: StoredMiners, scorers: Int = 1, cores: CorePlan?,
    settings: [String] = [], executables: String? = nil, say: @escaping @Sendable (String) -> Void
  ) async throws -> BenchHub {
    var options = DevOptions(directory: folder)
    options.port = 0
    options.scorers = scorers
    // Miners stay online with nobody to renew their leases, and no answer is audited. The gateway has one
    // core, so one loop.
    options.settings =
      ([
        "POOLHUB_LEASE_TTL_SEC=3600", "POOLHUB_LOG_LEVEL=warning", "POOLHUB_AUDIT_SHARE=0",
      ] + (cores == nil ? [] : ["NIO_SINGLETON_GROUP_LOOP_COUNT=1"]) + settings)
      .compactMap { DevOptions.Setting($0) }
    var hooks = DevHub.Hooks.standard { _ in }
    hooks.fill = { dsn, redisURL in
      try await miners.fill(dsn: dsn, redisURL: redisURL) {
        say("storing \(Format.count($0)) of \(Format.count(miners.count)) miners")
      }
    }
    let hub = DevHub(options: options, hooks: hooks, executables: executables)
    do {
      if let cores { CorePlan.bindOurselves(to: cores.all) }
      let state = try await hub.start()
      guard let port = state.gateways[0].split(separator: ":").last.flatMap({ Int($0) }) else {
        throw CommandError("\(state.gateways[0]) has no port")
      }
      let client = HubClient(url: state.gateways[0], coordinatorSecret: state.coordinatorSecret)
      let started = BenchHub(
        hub: hub, state: state, client: client, gatewayPort: port, cores: cores)
      if let cores { await started.bind(to: cores) }
      say("waiting for \(Format.count(miners.count)) miners to be online")
      try await started.waitUntilOnline(miners.count)
      return started
    } catch {
      await hub.stop()
      throw error
    }
  }

  func stop() async {
    if let cores { CorePlan.bindOurselves(to: cores.all) }
    await hub.stop()
  }

  /// Memory of the processes whose name begins so.
  func residentBytes(of prefix: String) async -> Int {
    await hub.processes.filter { $0.name.hasPrefix(prefix) }
      .reduce(0) { $0 + ProcessUsage(of: $1.pid).residentBytes }
  }

  private func bind(to cores: CorePlan) async {
    for process in await hub.processes {
      let isGateway = process.name.hasPrefix("gateway")
      let isScorer = process.name.hasPrefix("scorer")
      CorePlan.bind(
        process.pid, to: isGateway ? cores.server : isScorer ? cores.scorer : cores.others)
    }
    // wrk and the floors are our children, and follow us.
    CorePlan.bindOurselves(to: cores.others)
  }

  /// One in twenty may be offline: the population has such miners.
  private func waitUntilOnline(_ count: Int) async throws {
    let deadline = ContinuousClock.now + .seconds(60)
    let probe = Array(#"{"job_id":"bench-probe","explain":"full"}"#.utf8)
    while true {
      let answer = try await client.match(probe)
      let json = answer.json
      let online = (json?["considered"]?.int ?? 0) - (json?["rejected"]?["offline"]?.int ?? 0)
      if online >= count * 19 / 20 { return }
      if ContinuousClock.now > deadline {
        throw CommandError("only \(online) of \(count) miners are online: \(answer.summary)")
      }
      try await Task.sleep(for: .milliseconds(100))
    }
  }
}
