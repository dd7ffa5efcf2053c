import Fleet
import Foundation
import Simulation
import TestSupport
import Testing

/// A `poolhub dev` whose folder outlives it.
struct DevRun: Sendable {
  let directory: String
  let process: ChildProcess

  /// Starts it in `directory` and returns once it is ready.
  static func start(in directory: String, _ arguments: [String] = []) async throws -> DevRun {
    // The log of an earlier life would tell of that one.
    try? FileManager.default.removeItem(atPath: "\(directory)/dev.log")
    let process = try await ChildProcess.start(
      executable: Binaries.path("poolhub"),
      arguments: ["dev", "--port", "0", "--data", directory] + arguments, deathSignal: .terminate,
      output: .file("\(directory)/dev.log"))
    let run = DevRun(directory: directory, process: process)
    try await eventually("dev is ready", within: .seconds(90)) {
      try #require(process.isRunning, "\(run.log)")
      return run.log.contains("The hub is ready")
    }
    return run
  }

  var log: String { (try? String(contentsOfFile: "\(directory)/dev.log", encoding: .utf8)) ?? "" }

  func state() throws -> DevState { try #require(try DevState.read(from: directory)) }

  func client() throws -> HubClient {
    let state = try state()
    return HubClient(
      url: state.gateways[0], coordinatorSecret: state.coordinatorSecret,
      adminSecret: state.adminSecret)
  }

  /// Sends the signal and waits until it has ended and nothing that it started runs any more.
  /// - Returns: its exit status.
  func end(by signal: Int32) async throws -> Int32 {
    let pids = family(of: process.pid)
    // Stores, a gateway, scorers, and what PostgreSQL started.
    #expect(pids.count > 6)
    process.terminate(signal: signal)
    let status = await process.waitForExit()
    // A pid of many that ended may be somebody else's soon, but hardly at once.
    await eventually("nothing of it is left") { pids.allSatisfy { !isRunning($0) } }
    return status
  }
}
