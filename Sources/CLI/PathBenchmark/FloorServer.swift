import Fleet
import FoundationEssentials
import Glibc
import Simulation

/// A bare server that answers every match with a constant, in a process of its own: what a hub's rate is held
/// against.
package struct FloorServer: Sendable {
  package enum Kind: String, CaseIterable, Sendable { case hummingbird, nio, nginx }

  private static let startLimit = Duration.seconds(20)

  package let kind: Kind
  package let port: Int
  private let child: ChildProcess

  package var url: String { "http://127.0.0.1:\(port)" }

  /// - Parameters:
  ///   - answerBytes: how long its answer's body is.
  ///   - folder: gets its log and what it needs.
  ///   - cores: what it is bound to; nil: nothing.
  package static func start(
    _ kind: Kind, answerBytes: Int, folder: String, cores: [Int]?
  ) async throws -> FloorServer {
    let port = try FreePort.choose()
    let log = "\(folder)/\(kind.rawValue).log"
    var environment = ProcessInfo.processInfo.environment
    // It has one core, so one loop is what suits it best.
    environment["NIO_SINGLETON_GROUP_LOOP_COUNT"] = "1"
    let (program, arguments) = try command(
      kind, port: port, answerBytes: answerBytes, folder: folder)
    let child = try await ChildProcess.start(
      executable: program, arguments: arguments, environment: environment, output: .file(log))
    let server = FloorServer(kind: kind, port: port, child: child)
    try await server.waitUntilReady(log: log)
    if let cores { CorePlan.bind(child.pid, to: cores) }
    return server
  }

  package func stop() { child.terminate(signal: SIGKILL) }

  private func waitUntilReady(log: String) async throws {
    let client = HubClient(url: url, timeout: .seconds(1))
    let deadline = ContinuousClock.now + Self.startLimit
    while (try? await client.request("POST", "/v1/match", body: [])) == nil {
      if !child.isRunning || ContinuousClock.now > deadline {
        child.terminate()
        let lines = LogTail.lines(of: log, count: 3).joined(separator: " / ")
        throw BenchmarkError("\(kind.rawValue) didn't start: \(lines)")
      }
      try await Task.sleep(for: .milliseconds(50))
    }
  }

  private static func command(
    _ kind: Kind, port: Int, answerBytes: Int, folder: String
  ) throws -> (program: String, arguments: [String]) {
    let bare = ["--port", "\(port)", "--answer-bytes", "\(answerBytes)"]
    switch kind {
    case .hummingbird: return (OwnExecutable.directory + "/bare-hummingbird", bare)
    case .nio: return (OwnExecutable.directory + "/bare-nio", bare)
    case .nginx:
      let program = "/usr/sbin/nginx"
      guard access(program, X_OK) == 0 else {
        throw BenchmarkError("nginx is missing: make bench installs it, or apt-get install nginx")
      }
      let path = folder + "/nginx.conf"
      let text = nginxConfiguration(port: port, answerBytes: answerBytes, folder: folder)
      try PrivateFile.replace(path, with: Array(text.utf8))
      return (program, ["-c", path, "-e", folder + "/nginx-start.log"])
    }
  }

  /// One process, nothing logged, connections kept for good.
  private static func nginxConfiguration(port: Int, answerBytes: Int, folder: String) -> String {
    let temporary = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"].map {
      "\($0)_temp_path \(folder)/nginx-\($0);"
    }
    return """
      daemon off; master_process off; pid \(folder)/nginx.pid; error_log \(folder)/nginx.log;
      events { worker_connections 1024; }
      http {
        access_log off; keepalive_requests 1000000000; keepalive_timeout 600;
        \(temporary.joined(separator: " "))
        server {
          listen 127.0.0.1:\(port); default_type application/json;
          location / { return 200 '\(String(repeating: "x", count: answerBytes))'; }
        }
      }
      """
  }
}

/// Why a benchmark could not go on, for a person.
package struct BenchmarkError: Error, CustomStringConvertible {
  package let description: String

  package init(_ description: String) { self.description = description }
}
