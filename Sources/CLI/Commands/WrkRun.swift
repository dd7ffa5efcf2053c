import Fleet
import FoundationEssentials
import JSON

/// What wrk is told to send: a script and the bodies that it goes through in turn.
struct WrkScript {
  let path: String

  /// Writes both into `folder`.
  init(folder: String, bodies: [[UInt8]], bearer: String) throws {
    path = folder + "/match.lua"
    let bodiesPath = folder + "/bodies.jsonl"
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
          requests[#requests + 1] = wrk.format("POST", "/v1/match", nil, line)
        end
      end

      function request()
        next_index = next_index % #requests + 1
        return requests[next_index]
      end

      function done(summary, latency, requests)
        io.write(string.format(
          '\\n@{"requests":%d,"duration_us":%d,"p50_us":%d,"p99_us":%d,"refused":%d,"errors":%d}\\n',
          summary.requests, summary.duration, latency:percentile(50), latency:percentile(99),
          summary.errors.status,
          summary.errors.connect + summary.errors.read + summary.errors.write + summary.errors.timeout))
      end
      """
    try PrivateFile.replace(path, with: Array(script.utf8))
  }
}

/// One round of wrk against one server.
struct WrkRun {
  struct Measurement {
    var requestsPerSecond: Double
    var p50: Duration
    var p99: Duration
  }

  let program: String
  let script: WrkScript
  let url: String
  let connections: Int
  let seconds: Int

  static func findProgram() throws -> String {
    for folder in ["/usr/bin", "/usr/local/bin"] {
      let path = folder + "/wrk"
      if FileManager.default.isExecutableFile(atPath: path) { return path }
    }
    throw CommandError("wrk is missing: make bench installs it, or apt-get install wrk")
  }

  /// - Throws: `CommandError` when wrk failed, or the server refused anything.
  func run() async throws -> Measurement {
    let log = script.path + ".out"
    try? FileManager.default.removeItem(atPath: log)
    let child = try await ChildProcess.start(
      executable: program,
      arguments: ["-t", "1", "-c", "\(connections)", "-d", "\(seconds)s", "-s", script.path, url],
      output: .file(log))
    let status = await child.waitForExit()
    let output = FileManager.default.contents(atPath: log).map { Array($0) } ?? []
    let line = output.split(separator: UInt8(ascii: "\n")).last { $0.first == UInt8(ascii: "@") }
    guard status == 0, let line, let json = try? JSONValue.parse(line.dropFirst()),
      let count = json["requests"]?.double, let microseconds = json["duration_us"]?.double,
      let p50 = json["p50_us"]?.int, let p99 = json["p99_us"]?.int
    else {
      throw CommandError(
        "wrk failed with status \(status): \(String(decoding: output.suffix(300), as: UTF8.self))")
    }
    let refused = json["refused"]?.int ?? 0
    let errors = json["errors"]?.int ?? 0
    if refused > 0 || errors > 0 || count == 0 {
      throw CommandError("\(url) refused \(refused) of \(Int(count)) requests and broke \(errors)")
    }
    return Measurement(
      requestsPerSecond: count / microseconds * 1e6, p50: .microseconds(p50),
      p99: .microseconds(p99))
  }
}
