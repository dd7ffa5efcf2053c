import Fleet
import Foundation
import Glibc
import JSON
import Simulation

/// The real thing: `poolhub dev` in a process of its own, with its own stores, gateways and scorers, in a
/// temporary folder. It ends with the test process, whatever happens to that.
package final class RunningHub: Sendable {
  package struct Failed: Error, CustomStringConvertible {
    package var description: String
  }

  package let directory: String
  private let process: ChildProcess

  /// - Parameters:
  ///   - miners: mock miners of the simulation; none by default.
  ///   - set: settings for every gateway and scorer.
  package static func start(
    gateways: Int = 1, scorers: Int = 1, miners: Int = 0, set: [String: String] = [:]
  ) async throws -> RunningHub {
    let hub = try await RunningHub(gateways: gateways, scorers: scorers, miners: miners, set: set)
    try await hub.waitUntilReady()
    return hub
  }

  /// Starts a hub, gives it to `body`, and stops it.
  package static func with(
    gateways: Int = 1, scorers: Int = 1, miners: Int = 0, set: [String: String] = [:],
    _ body: (RunningHub) async throws -> Void
  ) async throws {
    let hub = try await start(gateways: gateways, scorers: scorers, miners: miners, set: set)
    do {
      try await body(hub)
    } catch {
      await hub.stop()
      throw error
    }
    await hub.stop()
  }

  /// Tests say what evidence makes of trust without a match before each report, and many in one day. What
  /// offers and days change has tests of its own.
  private static let wholeEvidence = [
    "POOLHUB_TRUST_UNPROVEN": "1", "POOLHUB_TRUST_PAIR_DAY": "good:1000,bad:1000",
  ]

  private init(gateways: Int, scorers: Int, miners: Int, set: [String: String]) async throws {
    // Short, because socket paths are; open to the stores' users.
    directory = "/tmp/ph-\(getpid())-\(UInt32.random(in: .min ... .max))"
    try FileManager.default.createDirectory(
      atPath: directory, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o755])
    var arguments = [
      "dev", "--port", "0", "--gateways", "\(gateways)", "--scorers", "\(scorers)", "--miners",
      "\(miners)", "--data", directory,
    ]
    for (key, value) in Self.wholeEvidence.merging(set, uniquingKeysWith: { $1 }) {
      arguments += ["--set", "\(key)=\(value)"]
    }
    process = try await ChildProcess.start(
      executable: Binaries.path("poolhub"), arguments: arguments, deathSignal: .terminate,
      output: .file("\(directory)/dev.log"))
  }

  private func waitUntilReady() async throws {
    let end = ContinuousClock.now + .seconds(90)
    while ContinuousClock.now < end {
      if try state() != nil { return }
      if !process.isRunning { throw Failed(description: "dev ended: \(log())") }
      try await Task.sleep(for: .milliseconds(50))
    }
    throw Failed(description: "dev is not ready: \(log())")
  }

  /// What `dev.json` says now; nil before the hub is ready.
  package func state() throws -> DevState? { try DevState.read(from: directory) }

  /// A client with both secrets, for one of the gateways.
  package func client(gateway: Int = 0) throws -> HubClient {
    guard let state = try state(), gateway < state.gateways.count else {
      throw Failed(description: "there is no gateway \(gateway)")
    }
    return HubClient(
      url: state.gateways[gateway], coordinatorSecret: state.coordinatorSecret,
      adminSecret: state.adminSecret)
  }

  /// The pid of `gateway-1`, `scorer-2`, `redis`, `postgres` …
  package func pid(of name: String) throws -> pid_t {
    guard let pid = try state()?.processes.first(where: { $0.name == name })?.pid else {
      throw Failed(description: "\(name) is not running")
    }
    return pid
  }

  package func signal(_ name: String, _ signal: Int32) throws { kill(try pid(of: name), signal) }

  /// What `dev` itself printed.
  package func log() -> String {
    (try? String(contentsOfFile: "\(directory)/dev.log", encoding: .utf8)) ?? ""
  }

  /// The log of one of its processes.
  package func log(of name: String) -> String {
    (try? String(contentsOfFile: "\(directory)/log/\(name).log", encoding: .utf8)) ?? ""
  }

  /// The pid of `dev`.
  package var devPID: pid_t { process.pid }

  /// - Returns: dev's exit status, as `waitpid` gives it.
  @discardableResult
  package func stop(signal: Int32 = SIGTERM) async -> Int32 {
    process.terminate(signal: signal)
    let status = await process.waitForExit()
    try? FileManager.default.removeItem(atPath: directory)
    return status
  }
}
