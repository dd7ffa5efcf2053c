import Fleet
import FoundationEssentials
import JSON

/// What wrk is told to send: a script and the bodies that it goes through in turn.
package struct WrkScript: Sendable {
  let path: String

  /// Writes both into `folder`, under a name of their own.
  package init(
    folder: String, name: String, path requestPath: String, bodies: [[UInt8]], bearer: String
  ) throws {
    path = "\(folder)/\(name).lua"
    let bodiesPath = "\(folder)/\(name).jsonl"
    let lines = bodies.flatMap { $0 + [UInt8(ascii: "\n")] }
    try PrivateFile.replace(bodiesPath, with: lines)
    let script = """
      -- Each request is made ready once; sending it is then a look-up.
      local requests = {}
      local next_index = 0

      function init(args)
        wrk.headers["Content-Type"] = "application/json"
        wrk.headers["Authorization"] = "Bearer \(bearer)"
        for line in io.lines("\(bodiesPath)") do
          requests[#requests + 1] = wrk.format("POST", "\(requestPath)", nil, line)
        end
      end

      function request()
        next_index = next_index % #requests + 1
        return requests[next_index]
      end

      function done(summary, latency, requests)
        io.write(string.format(
          '\\n@{"requests":%d,"duration_us":%d,"refused":%d,"errors":%d}\\n',
          summary.requests, summary.duration, summary.errors.status,
          summary.errors.connect + summary.errors.read + summary.errors.write + summary.errors.timeout))
      end
      """
    try PrivateFile.replace(path, with: Array(script.utf8))
  }
}

/// One round of wrk against one server: as fast as it answers.
package struct WrkRun: Sendable {
  let program: String
  let script: WrkScript
  let url: String
  let connections: Int
  let seconds: Int
  /// What takes longer is a fault. wrk's own 2 s were too few for a hub under callgrind.
  private static let timeoutSeconds = 10

  package init(
    program: String, script: WrkScript, url: String, connections: Int, seconds: Int
  ) {
    self.program = program
    self.script = script
    self.url = url
    self.connections = connections
    self.seconds = seconds
  }

  package static func findProgram() throws -> String {
    for folder in ["/usr/bin", "/usr/local/bin"] {
      let path = folder + "/wrk"
      if FileManager.default.isExecutableFile(atPath: path) { return path }
    }
    throw BenchmarkError("wrk is missing: make bench installs it, or apt-get install wrk")
  }

  /// - Returns: requests a second.
  /// - Throws: `BenchmarkError` when wrk failed, or the server refused anything.
  package func perSecond() async throws -> Double {
    let log = script.path + ".out"
    try? FileManager.default.removeItem(atPath: log)
    let child = try await ChildProcess.start(
      executable: program,
      arguments: [
        "-t", "1", "-c", "\(connections)", "-d", "\(seconds)s", "--timeout",
        "\(Self.timeoutSeconds)s", "-s", script.path, url,
      ],
      output: .file(log))
    let status = await child.waitForExit()
    let output = FileManager.default.contents(atPath: log).map { Array($0) } ?? []
    let line = output.split(separator: UInt8(ascii: "\n")).last { $0.first == UInt8(ascii: "@") }
    guard status == 0, let line, let json = try? JSONValue.parse(line.dropFirst()),
      let count = json["requests"]?.double, let microseconds = json["duration_us"]?.double
    else {
      throw BenchmarkError(
        "wrk failed with status \(status): \(String(decoding: output.suffix(300), as: UTF8.self))")
    }
    let refused = json["refused"]?.int ?? 0
    let errors = json["errors"]?.int ?? 0
    if refused > 0 || errors > 0 || count == 0 {
      throw BenchmarkError(
        "\(url) refused \(refused) of \(Int(count)) requests and broke \(errors)")
    }
    return count / microseconds * 1e6
  }
}
