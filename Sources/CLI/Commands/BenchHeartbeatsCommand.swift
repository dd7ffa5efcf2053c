import ArgumentParser
import Fleet
import Glibc
import HeartbeatBenchmark
import Simulation

struct BenchHeartbeatsCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "heartbeats",
    abstract: "Miners' connections and heartbeats, beside a bare NIO WebSocket server.",
    discussion: """
      Starts a hub of its own, puts miners straight into its database with real session tokens, and lets load \
      processes connect them and send heartbeats that all differ. Then compares what every match says with \
      what each miner said last; then the same by HTTP; then the same WebSockets to a server that only \
      sends back what it gets.
      """)

  /// When a restart's heartbeats end at the latest.
  static let longestRestartSeconds = 600.0

  @Option(help: "How many miners hold a WebSocket, over all gateways.")
  var connections = 10_000

  @Option(help: "Heartbeats a second, of all of them together.")
  var rate = 2_000.0

  @Option(help: "For how long they send them.")
  var seconds = 10.0

  @Option(help: "How many of them a miner sends at once, as after a network that held them up.")
  var burst = 1

  @Flag(help: "Hold the gateways, and the bare server, to one core, all else to the others.")
  var pinned = false

  @Option(help: "How many gateways; each bears at most 19,000 connections.")
  var gateways = 1

  @Option(help: "How many scorers.")
  var scorers = 1

  @Option(help: "How many miners send theirs by HTTP, over connections that they keep; 0 for none.")
  var httpConnections = 500

  @Option(help: "HTTP heartbeats a second, of all of them together.")
  var httpRate = 1_000.0

  @Option(help: "For how long they send them.")
  var httpSeconds = 5.0

  @Flag(
    help: """
      Instead, restart the first of two or more gateways under its miners, by SIGTERM and by SIGKILL, \
      and see how they come back.
      """)
  var restart = false

  @Flag(help: "Ask for matches meanwhile, and again once nobody is connected any more.")
  var match = false

  @Option(help: "Settings for the hub's processes, as KEY=VALUE; may be repeated.")
  var set: [String] = []

  @Flag(inversion: .prefixedNo, help: "Measure the bare server, too.")
  var floor = true

  @Flag(help: "Print JSON instead of a table.")
  var json = false

  func validate() throws {
    guard (1...20).contains(gateways), (1...20).contains(scorers) else {
      throw ValidationError("--gateways and --scorers must be 1 to 20")
    }
    guard (gateways...gateways * 19_000).contains(connections) else {
      throw ValidationError("--connections must be 1 to 19000 a gateway")
    }
    guard rate > 0, seconds > 0, httpRate > 0, httpSeconds > 0 else {
      throw ValidationError("rates and seconds must be above 0")
    }
    guard (1...16).contains(burst) else { throw ValidationError("--burst must be 1 to 16") }
    guard !pinned || Cores.all.count > 1 else {
      throw ValidationError("--pinned needs two cores or more")
    }
    guard (0...10_000).contains(httpConnections) else {
      throw ValidationError("--http-connections must be 0 to 10000")
    }
    guard !restart || gateways > 1 else {
      throw ValidationError("--restart needs --gateways 2 or more: the others answer matches")
    }
    for text in set where DevOptions.Setting(text) == nil {
      throw ValidationError("--set \(text) is not KEY=VALUE")
    }
  }

  func run() async throws {
    FileLimit.raise()
    if pinned { Cores.hold(getpid(), to: Cores.all.dropFirst()) }
    let folder = try TemporaryFolder()
    let signals = StopSignals.stream()
    let watch = Task {
      // The kernel ends every child; only the folder is left to remove.
      for await _ in signals {
        folder.remove()
        _exit(130)
      }
    }
    defer {
      watch.cancel()
      folder.remove()
    }
    if restart {
      let report = try await measureRestart(in: folder.path)
      print(json ? report.json() : report.table())
      if let fault = report.fault { throw CommandError(fault) }
      return
    }
    let report = try await measure(in: folder.path)
    print(json ? report.json() : report.table())
    if report.wrongValues > 0 {
      throw CommandError(
        "\(report.wrongValues) miners' last heartbeats were not what matches saw")
    }
    if report.wrongHoldings > 0 {
      throw CommandError("\(report.wrongHoldings) miners' last heartbeats were not in every scorer")
    }
  }

  private func measure(in folder: String) async throws -> HeartbeatReport {
    let line = ProgressLine(loggingInterval: .seconds(5))
    defer { line.clear() }
    let hub = makeHub(in: folder)
    var report: HeartbeatReport
    do {
      let servers = try await hub.start { line.show($0) }
      var run = HeartbeatRun(
        folder: folder, servers: servers, connections: connections, rate: rate, seconds: seconds)
      run.burst = burst
      if pinned { pin(servers) }
      run.tokens = hub.tokens
      run.metrics = { try await hub.metrics() }
      run.scorerPIDs = await hub.scorerPIDs()
      let probe = MatchProbe(clients: hub.clients, regions: BenchMiner.regions(of: connections))
      let (asking, untilAllHaveSpoken) = (Duration.seconds(seconds), run.untilAllHaveSpoken)
      var under: MatchFigures?
      func ask(_: [LoadPlan]) async throws {
        try await Task.sleep(for: untilAllHaveSpoken)
        under = try await probe.run(for: asking)
      }
      if match { run.seconds += 2 * (untilAllHaveSpoken / .seconds(1)) }
      let (figures, said) = try await run.measure(
        "the hub", line, whileBeating: match ? ask : nil)
      report = HeartbeatReport(hub: figures)
      report.wrongValues = try await hub.countWrongValues(said)
      report.wrongHoldings = try await hub.countWrongHoldings(said)
      report.checkedValues = said.count
      report.scorers = scorers
      if let under {
        line.show("matches of a hub with nobody connected")
        report.matches = (under, try await probe.run(for: asking))
      }
      if httpConnections > 0 {
        run.transport = .http
        run.connections = httpConnections
        run.burst = 1
        run.rate = httpRate
        run.seconds = httpSeconds
        report.http = try await run.measure("the hub by HTTP", line).figures
      }
      await hub.stop()
    } catch {
      await hub.stop()
      throw error
    }
    if floor { report.floor = try await measureFloor(in: folder, line) }
    return report
  }

  func makeHub(in folder: String) -> HeartbeatHub {
    HeartbeatHub(
      folder: folder + "/hub", gateways: gateways, scorers: scorers,
      miners: restart ? connections : max(connections, httpConnections), paced: restart,
      settings: set.compactMap { DevOptions.Setting($0) })
  }

  private func measureFloor(in folder: String, _ line: ProgressLine) async throws
    -> HeartbeatFigures
  {
    var servers: [BareEcho] = []
    defer { for server in servers { server.child.terminate() } }
    for number in 1...gateways {
      servers.append(try await BareEcho.start(log: "\(folder)/bare-\(number).log"))
    }
    var run = HeartbeatRun(
      folder: folder,
      servers: servers.map { HeartbeatServer(port: $0.port, pid: $0.child.pid) },
      connections: connections, rate: rate, seconds: seconds)
    run.burst = burst
    if pinned { pin(run.servers) }
    return try await run.measure("the bare server", line).figures
  }
}

extension BenchHeartbeatsCommand {
  private func pin(_ servers: [HeartbeatServer]) {
    for server in servers { Cores.hold(server.pid, to: Cores.all.prefix(1)) }
  }
}

/// NIO's own WebSockets in a process of its own.
private struct BareEcho {
  let child: ChildProcess
  let port: Int

  static func start(log: String) async throws -> BareEcho {
    let port = try FreePort.choose()
    let child = try await ChildProcess.start(
      executable: OwnExecutable.directory + "/bare-websocket-echo",
      arguments: ["--port", String(port)], output: .file(log))
    let deadline = ContinuousClock.now + .seconds(20)
    while !FreePort.isServed(port) {
      if !child.isRunning || ContinuousClock.now > deadline {
        child.terminate()
        let lines = LogTail.lines(of: log, count: 3).joined(separator: " / ")
        throw CommandError("bare-websocket-echo didn't start: \(lines)")
      }
      try await Task.sleep(for: .milliseconds(20))
    }
    return BareEcho(child: child, port: port)
  }
}
