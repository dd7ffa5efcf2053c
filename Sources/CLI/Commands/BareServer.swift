import Fleet
import Simulation

/// The bare framework answering a constant, in a process of its own.
struct BareServer {
  let child: ChildProcess
  let url: String

  static func start(log: String) async throws -> BareServer {
    let port = try FreePort.choose()
    let child = try await ChildProcess.start(
      executable: OwnExecutable.directory + "/bare-hummingbird",
      arguments: ["--port", String(port)], output: .file(log))
    let url = "http://127.0.0.1:\(port)"
    let client = HubClient(url: url, timeout: .seconds(1))
    let deadline = ContinuousClock.now + .seconds(20)
    while (try? await client.request("GET", "/")) == nil {
      if !child.isRunning || ContinuousClock.now > deadline {
        child.terminate()
        let lines = LogTail.lines(of: log, count: 3).joined(separator: " / ")
        throw CommandError("bare-hummingbird didn't start: \(lines)")
      }
      try await Task.sleep(for: .milliseconds(50))
    }
    return BareServer(child: child, url: url)
  }
}
