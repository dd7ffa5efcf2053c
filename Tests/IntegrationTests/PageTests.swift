import Fleet
import Foundation
import Glibc
import TestSupport
import Testing

extension RunningProcesses {
  /// The pages and the API's description. What can be tried only by a browser, or is held against YAML, is
  /// in Python, in Tests/Python; each of its programs is one test here and prints its own.
  @Suite("Pages and the API's description", .hub(set: ["POOLHUB_LEASE_TTL_SEC": "600"]))
  struct Pages {
    /// Screenshots, to be looked at.
    private static let pictures = "\(PythonRun.root)/.build/pictures"
    /// `make fuzz` asks for more, and to be told what was tried.
    private static let moreFuzzSeconds =
      ProcessInfo.processInfo.environment["POOLHUB_FUZZ_SECONDS"].flatMap(Int.init)

    @Test("The readable page is what openapi.yaml makes")
    func docs() async throws {
      let run = try await PythonRun.run("Sources/Gateway/Pages/render_docs.py", ["--check"])
      #expect(run.status == 0, "\(run.output)")
    }

    @Test("The browser: both pages as people use them, and how they look")
    func browser() async throws {
      try await expectPassed("browser_tests.py", [Self.pictures])
    }

    @Test("openapi.yaml describes every path, and its examples are accepted")
    func openAPI() async throws {
      try await expectPassed("openapi_tests.py")
    }

    @Test("schemathesis finds no answer that openapi.yaml doesn't describe")
    func fuzz() async throws {
      let seconds = Self.moreFuzzSeconds ?? 40
      let output = try await expectPassed(
        "fuzz.py", ["\(seconds)"], patience: .seconds(140 + 2 * seconds))
      if Self.moreFuzzSeconds != nil { print(output) }
    }

    @Test("WebSockets keep to RFC 6455, with a peer of other people's making")
    func webSockets() async throws {
      try await expectPassed("websocket_tests.py")
    }

    @Test("What nobody should send costs no memory, and others don't notice")
    func abuse() async throws {
      try await expectPassed("websocket_abuse.py")
    }

    @Test("A gateway that stops doesn't wait for those who watch it")
    func stop() async throws {
      try await RunningHub.with { hub in
        let url = try hub.client().baseURL
        let watching = Task {
          try await RawHTTP(url: url).exchange("GET /v1/pool/events HTTP/1.1\r\nHost: hub\r\n\r\n")
        }
        try await eventually("somebody watches") {
          let metrics = try await hub.client().request("GET", "/metrics").text
          return metrics.contains(#"route="/v1/pool/events""#)
        }
        let pid = try hub.pid(of: "gateway-1")
        let started = ContinuousClock.now
        try hub.signal("gateway-1", SIGTERM)
        await eventually("it has ended") { kill(pid, 0) != 0 }
        #expect(.now - started < .seconds(5))
        let seen = try await watching.value
        #expect(seen.contains("event: history") && seen.contains("event: pool"))
      }
    }

    @discardableResult
    private func expectPassed(
      _ program: String, _ arguments: [String] = [], patience: Duration = PythonRun.patience
    ) async throws -> String {
      let hub = try suiteHub()
      let run = try await PythonRun.run(
        "Tests/Python/\(program)", ["\(hub.directory)/dev.json"] + arguments, patience: patience)
      #expect(run.status == 0, "\(run.output)")
      return run.output
    }
  }
}

/// What a Python program printed and how it ended.
struct PythonRun: Sendable {
  /// The project's folder.
  static let root = URL(filePath: #filePath).deletingLastPathComponent()
    .deletingLastPathComponent().deletingLastPathComponent().path(percentEncoded: false)
    .trimmingSuffix("/")
  static let patience = Duration.seconds(180)

  var status: Int32
  var output: String

  /// Runs one of the project's programs with the packages of Tests/Python/requirements.txt.
  ///
  /// - Parameter program: from the project's folder on.
  static func run(
    _ program: String, _ arguments: [String], patience: Duration = patience
  ) async throws -> PythonRun {
    let python = "\(root)/.build/python/bin/python"
    try #require(
      FileManager.default.isExecutableFile(atPath: python),
      "what the tests of the pages need is missing: run deploy/setup-debian.sh test")
    let folder = try TestFolder()
    defer { folder.remove() }
    let child = try await ChildProcess.start(
      executable: python, arguments: ["-B", "\(root)/\(program)"] + arguments,
      environment: ["PATH": "/usr/bin:/bin", "HOME": folder.path, "LANG": "C.UTF-8"],
      deathSignal: .terminate, output: .file("\(folder.path)/.output"),
      workingDirectory: folder.path)
    let timeout = Task {
      try await Task.sleep(for: patience)
      child.terminate(signal: 9)
    }
    let status = await child.waitForExit()
    timeout.cancel()
    let output = try String(contentsOfFile: "\(folder.path)/.output", encoding: .utf8)
    return PythonRun(status: status, output: output)
  }
}

extension String {
  fileprivate func trimmingSuffix(_ suffix: String) -> String {
    hasSuffix(suffix) ? String(dropLast(suffix.count)) : self
  }
}
