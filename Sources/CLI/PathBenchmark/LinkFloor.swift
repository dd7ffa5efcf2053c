import Fleet
import FoundationEssentials
import Glibc
import JSON

/// What ZeroMQ takes to ask and answer between a gateway's core and a scorer's, from two bare processes. Each match
/// through the hub makes one such round trip, whatever else it does.
package struct LinkFloor: Sendable {
  package struct Latencies: Sendable {
    package let p50Milliseconds: Double
    package let p99Milliseconds: Double
  }

  private static let program = OwnExecutable.directory + "/bare-zeromq"

  private let folder: String
  private let cores: CorePlan?
  private let child: ChildProcess

  /// - Parameters:
  ///   - answerBytes: how long an answer is.
  ///   - folder: gets its socket and what it says.
  ///   - cores: whose cores it takes; nil: any.
  package static func start(
    answerBytes: Int, folder: String, cores: CorePlan?
  ) async throws -> LinkFloor {
    let child = try await ChildProcess.start(
      executable: program,
      arguments: ["answer", "--endpoint", endpoint(folder), "--answer-bytes", "\(answerBytes)"]
        + core(cores?.scorer),
      output: .file(folder + "/zeromq.log"))
    return LinkFloor(folder: folder, cores: cores, child: child)
  }

  /// - Throws: `BenchmarkError` when not all were answered.
  package func latencies(perSecond: Double, seconds: Int) async throws -> Latencies {
    let log = folder + "/zeromq.out"
    try? FileManager.default.removeItem(atPath: log)
    let asker = try await ChildProcess.start(
      executable: Self.program,
      arguments: [
        "ask", "--endpoint", Self.endpoint(folder), "--rate", "\(perSecond)", "--seconds",
        "\(seconds)",
      ] + Self.core(cores?.server),
      output: .file(log))
    let status = await asker.waitForExit()
    let output = FileManager.default.contents(atPath: log).map { Array($0) } ?? []
    guard status == 0, let json = try? JSONValue.parse(output), let p50 = json["p50_ms"]?.double,
      let p99 = json["p99_ms"]?.double
    else {
      throw BenchmarkError(
        "bare-zeromq failed with status \(status): \(String(decoding: output.suffix(300), as: UTF8.self))"
      )
    }
    return Latencies(p50Milliseconds: p50, p99Milliseconds: p99)
  }

  package func stop() { child.terminate(signal: SIGKILL) }

  private static func endpoint(_ folder: String) -> String { "ipc://\(folder)/zeromq" }

  private static func core(_ cores: [Int]?) -> [String] {
    cores?.first.map { ["--core", "\($0)"] } ?? []
  }
}
