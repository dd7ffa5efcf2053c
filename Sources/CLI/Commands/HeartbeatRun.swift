import ArgumentParser
import Fleet
import Glibc
import HeartbeatBenchmark

/// A process that miners connect to.
struct HeartbeatServer: Sendable {
  let port: Int
  let pid: pid_t
}

/// Miners on all servers, first connected, then saying what they have to say.
struct HeartbeatRun {
  /// How long a server's memory may settle once all are connected.
  private static let settleTime = Duration.seconds(1)
  private static let pollInterval = Duration.milliseconds(50)
  private static let connectLimit = Duration.seconds(300)

  let folder: String
  let servers: [HeartbeatServer]
  var transport = LoadPlan.Transport.webSocket
  var connections: Int
  var rate: Double
  var seconds: Double
  /// Heartbeats that a miner sends at once.
  var burst = 1
  /// One a miner; servers that ask for none get one all the same.
  var tokens: [String] = []
  /// What the hub has counted so far; nil where there is no hub.
  var metrics: (() async throws -> HubMetrics)?
  var scorerPIDs: [pid_t] = []
  /// Whether a miner that is refused or loses its connection comes again.
  var reconnects = false

  init(
    folder: String, servers: [HeartbeatServer], connections: Int, rate: Double, seconds: Double
  ) {
    self.folder = folder
    self.servers = servers
    self.connections = connections
    self.rate = rate
    self.seconds = seconds
  }

  /// A miner is online from its first heartbeat on, and each has one turn after the other.
  var untilAllHaveSpoken: Duration { .seconds(1 + Double(connections * burst) / rate) }

  /// - Parameter whileBeating: goes on beside the heartbeats, which end once it has; nil: after their time.
  /// - Returns: the figures, and the last acknowledged heartbeat's number of each miner.
  func measure(
    _ what: String, _ line: ProgressLine, whileBeating: (([LoadPlan]) async throws -> Void)? = nil
  ) async throws -> (figures: HeartbeatFigures, said: [Int]) {
    let memoryBefore = usage.residentBytes
    let loads = try await startLoads()
    defer { for load in loads { load.child.terminate(signal: 9) } }
    let connected = try await wait(for: .connected, loads, within: Self.connectLimit) { state in
      line.show("\(what): \(Format.count(state.held)) of \(Format.count(connections)) connected")
    }
    try await Task.sleep(for: Self.settleTime)
    var figures = HeartbeatFigures(connections: connections)
    figures.connectsPerSecond = Double(connected.held) / max(0.001, connected.connectSeconds)
    let grown = usage.residentBytes - memoryBefore
    figures.bytesPerConnection = Double(grown) / Double(max(1, connected.held))
    let countsBefore = try await metrics?()
    let cpuBefore = usage.cpuSeconds
    let scorersBefore = scorerCPUSeconds
    for load in loads { try load.plan.signal("go") }
    if let whileBeating {
      line.show("\(what): \(Format.count(connected.held)) connected")
      try await whileBeating(loads.map(\.plan))
      for load in loads { try load.plan.signal("stop") }
    }
    let done = try await wait(for: .done, loads, within: .seconds(seconds + 30)) { state in
      line.show(
        "\(what): \(Format.count(state.acknowledged)) heartbeats acknowledged, "
          + "\(Format.count(state.held)) connected")
    }
    figures.take(done, cpuSeconds: usage.cpuSeconds - cpuBefore)
    if let countsBefore, let metrics {
      // The last of them may be on their way to the scorers yet.
      try await Task.sleep(for: Self.settleTime)
      let scorerCPU = zip(scorerCPUSeconds, scorersBefore).map { $0 - $1 }.max() ?? 0
      figures.take(
        try await metrics(), since: countsBefore, scorerCPUSeconds: scorerCPU,
        beatSeconds: done.beatSeconds)
    }
    figures.connects = try LoadPlan.connectCounts(of: loads.map(\.plan))
    let said = try loads.flatMap { try $0.plan.readLast() }
    for load in loads { try load.plan.signal("end") }
    for load in loads { _ = await load.child.waitForExit() }
    return (figures, said)
  }

  private struct Load {
    let plan: LoadPlan
    let child: ChildProcess
  }

  private func startLoads() async throws -> [Load] {
    var loads: [Load] = []
    var first = 0
    for (number, server) in servers.enumerated() {
      let share = connections / servers.count + (number < connections % servers.count ? 1 : 0)
      if share == 0 { continue }
      var plan = LoadPlan(
        folder: folder, name: "\(transport.rawValue)-\(server.port)", transport: transport,
        port: server.port, firstMiner: first, rate: rate * Double(share) / Double(connections),
        seconds: seconds)
      plan.burst = burst
      plan.reconnects = reconnects
      try plan.writeTokens(
        tokens.isEmpty
          ? Array(repeating: "none", count: share) : Array(tokens[first..<first + share]))
      loads.append(Load(plan: plan, child: try await HeartbeatLoadCommand.start(plan)))
      first += share
    }
    return loads
  }

  private func wait(
    for phase: LoadState.Phase, _ loads: [Load], within limit: Duration,
    _ show: (LoadState) -> Void
  ) async throws -> LoadState {
    let deadline = ContinuousClock.now + limit
    while true {
      try await Task.sleep(for: Self.pollInterval)
      let states = loads.compactMap { $0.plan.readState() }
      if let sum = states.dropFirst().reduce(
        states.first, { left, right in left.map { $0 + right } })
      {
        show(sum)
        if states.count == loads.count, sum.phase == phase { return sum }
        if ContinuousClock.now > deadline {
          throw CommandError(
            "the load is \(sum.phase) with \(sum.held) connections; \(sum.lost) lost, at last: "
              + sum.lastFault)
        }
      }
      for load in loads where !load.child.isRunning {
        let lines = LogTail.lines(of: load.plan.path("log"), count: 3)
        throw CommandError("a load process ended: \(lines.joined(separator: " / "))")
      }
    }
  }

  private var scorerCPUSeconds: [Double] { scorerPIDs.map { ProcessUsage(of: $0).cpuSeconds } }

  private var usage: ProcessUsage {
    servers.map { ProcessUsage(of: $0.pid) }.reduce(ProcessUsage()) { sum, usage in
      ProcessUsage(
        residentBytes: sum.residentBytes + usage.residentBytes,
        cpuSeconds: sum.cpuSeconds + usage.cpuSeconds)
    }
  }
}

/// What a process takes, from `/proc`.
struct ProcessUsage {
  var residentBytes = 0
  var cpuSeconds = 0.0
}

extension ProcessUsage {
  init(of pid: pid_t) {
    let statm = Self.words(ofFile: "/proc/\(pid)/statm")
    if statm.count > 1 { residentBytes = (Int(statm[1]) ?? 0) * Int(sysconf(Int32(_SC_PAGESIZE))) }
    // Behind the program's name, which may hold spaces, user and system time are fields 12 and 13.
    let stat = Self.words(ofFile: "/proc/\(pid)/stat").drop { !$0.hasSuffix(")") }.dropFirst()
    let times = stat.dropFirst(11).prefix(2).compactMap { Double($0) }
    cpuSeconds = times.reduce(0, +) / Double(sysconf(Int32(_SC_CLK_TCK)))
  }

  private static func words(ofFile path: String) -> [Substring] {
    // A file of `/proc` says that it is empty, so it is read by hand.
    guard let file = fopen(path, "r") else { return [] }
    defer { fclose(file) }
    var bytes = [UInt8](repeating: 0, count: 1_024)
    let count = fread(&bytes, 1, bytes.count, file)
    return String(decoding: bytes[..<count], as: UTF8.self).split { $0 == " " || $0 == "\n" }
  }
}

/// What a load process runs; nobody starts it by hand.
struct HeartbeatLoadCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "heartbeat-load", abstract: "One process of `bench heartbeats`' load.",
    shouldDisplay: false)

  @Option var folder: String
  @Option var name: String
  @Option var transport: String
  @Option var port: Int
  @Option var firstMiner: Int
  @Option var rate: Double
  @Option var seconds: Double
  @Option var burst: Int
  @Flag var reconnects = false

  static func start(_ plan: LoadPlan) async throws -> ChildProcess {
    try await ChildProcess.start(
      executable: OwnExecutable.path,
      arguments: [
        "bench", "heartbeat-load", "--folder", plan.folder, "--name", plan.name,
        "--transport", plan.transport.rawValue, "--port", "\(plan.port)",
        "--first-miner", "\(plan.firstMiner)", "--rate", "\(plan.rate)",
        "--seconds", "\(plan.seconds)", "--burst", "\(plan.burst)",
      ] + (plan.reconnects ? ["--reconnects"] : []), output: .file(plan.path("log")))
  }

  func run() async throws {
    guard let transport = LoadPlan.Transport(rawValue: transport) else {
      throw CommandError("\(transport) is no transport")
    }
    var plan = LoadPlan(
      folder: folder, name: name, transport: transport, port: port, firstMiner: firstMiner,
      rate: rate, seconds: seconds)
    plan.burst = burst
    plan.reconnects = reconnects
    var loop = try LoadLoop(plan)
    try loop.run()
  }
}
