import Fleet
import Glibc
import HeartbeatBenchmark
import JSON
import Messaging

/// How the miners of a gateway that ended came back to it.
struct RestartFigures {
  let signal: String
  let miners: Int
  /// Until the last of them was connected again.
  var backSeconds = 0.0
  var matches = MatchFigures()
  fileprivate var nanoseconds: Range<Int64> = 0..<0
  /// The most within a second, and within a tenth of one.
  private(set) var triedPerSecond = 0
  private(set) var triedPerTenth = 0
  private(set) var openedPerSecond = 0
  private(set) var openedPerTenth = 0

  init(signal: String, miners: Int) {
    self.signal = signal
    self.miners = miners
  }

  mutating func take(_ counts: ConnectCounts) {
    triedPerSecond = counts.peak(\.tried, over: 10, in: nanoseconds)
    triedPerTenth = counts.peak(\.tried, over: 1, in: nanoseconds)
    openedPerSecond = counts.peak(\.opened, over: 10, in: nanoseconds)
    openedPerTenth = counts.peak(\.opened, over: 1, in: nanoseconds)
  }

  func write(to json: inout JSONWriter) {
    json.field("signal", signal)
    json.field("miners", miners)
    json.field("back_s", backSeconds)
    json.field("peak_opened_per_s", openedPerSecond)
    json.field("peak_opened_per_100ms", openedPerTenth)
    json.field("peak_tried_per_s", triedPerSecond)
    json.field("peak_tried_per_100ms", triedPerTenth)
    json.field("matches", matches.asked)
    json.field("matches_failed", matches.failed)
    json.field("match_p50_ms", matches.p50)
    json.field("match_p99_ms", matches.p99)
  }
}

/// Ends the first gateway under its miners, asks the others for matches, and watches the miners come back.
struct HeartbeatRestart {
  private static let backLimit = Duration.seconds(120)
  private static let lookInterval = Duration.milliseconds(20)

  let hub: HeartbeatHub
  let regions: Int

  func run(_ signal: Int32, name: String, _ plans: [LoadPlan]) async throws -> RestartFigures {
    guard let pid = await hub.gatewayPID(0), let before = plans[0].readState() else {
      throw CommandError("the gateway or its load has ended")
    }
    var figures = RestartFigures(signal: name, miners: before.held)
    let asking = MatchProbe(clients: Array(hub.clients.dropFirst()), regions: regions).start()
    let startedAt = MonotonicClock.microseconds()
    kill(pid, signal)
    let deadline = ContinuousClock.now + Self.backLimit
    while true {
      try await Task.sleep(for: Self.lookInterval)
      // With its process every connection of it has ended.
      if let state = plans[0].readState(), state.lost >= before.lost + before.held,
        state.held == before.held, case let new? = await hub.gatewayPID(0), new != pid
      {
        break
      }
      if ContinuousClock.now > deadline {
        let held = plans[0].readState()?.held ?? 0
        throw CommandError(
          "\(held) of \(before.held) miners were back \(Self.backLimit.inSeconds) s after \(name)")
      }
    }
    let now = MonotonicClock.microseconds()
    asking.cancel()
    figures.matches = await asking.value
    figures.backSeconds = Double(now - startedAt) / 1e6
    figures.nanoseconds = startedAt * 1_000..<now * 1_000
    return figures
  }
}

struct RestartReport {
  let connections: Int
  let gateways: Int
  /// Once all was over.
  var held = 0
  var restarts: [RestartFigures] = []
  var wrongValues = 0

  init(connections: Int, gateways: Int) {
    self.connections = connections
    self.gateways = gateways
  }

  /// What should not have been; nil when all is well.
  var fault: String? {
    for restart in restarts {
      if restart.matches.failed > 0 {
        return "\(restart.matches.failed) matches failed after \(restart.signal), at last: "
          + restart.matches.lastFault
      }
    }
    if wrongValues > 0 { return "\(wrongValues) miners' last heartbeats were not what matches saw" }
    return held == connections ? nil : "\(held) of \(connections) miners were connected in the end"
  }

  func json() -> String {
    var json = JSONWriter()
    json.object { json in
      json.field("connections", connections)
      json.field("gateways", gateways)
      json.field("held", held)
      json.field("wrong_values", wrongValues)
      json.arrayField("restarts") { json in
        for restart in restarts { json.object { restart.write(to: &$0) } }
      }
    }
    return String(decoding: json.bytes, as: UTF8.self)
  }

  func table() -> String {
    var table = TextTable([
      ("restart by", .left), ("miners", .right), ("all back in", .right), ("opened/s", .right),
      ("/100 ms", .right), ("tried/s", .right), ("/100 ms", .right), ("matches", .right),
      ("failed", .right), ("p50", .right), ("p99", .right),
    ])
    for restart in restarts {
      table.add([
        restart.signal, Format.count(restart.miners),
        Format.decimal(restart.backSeconds, places: 1) + " s",
        Format.count(restart.openedPerSecond), Format.count(restart.openedPerTenth),
        Format.count(restart.triedPerSecond), Format.count(restart.triedPerTenth),
        Format.count(restart.matches.asked), Format.count(restart.matches.failed),
        Format.milliseconds(restart.matches.p50), Format.milliseconds(restart.matches.p99),
      ])
    }
    return table.text
      + "\nConnections are the most within a second and within 100 ms; matches are the other gateways'."
  }
}

extension BenchHeartbeatsCommand {
  func measureRestart(in folder: String) async throws -> RestartReport {
    let line = ProgressLine(loggingInterval: .seconds(5))
    defer { line.clear() }
    let hub = makeHub(in: folder)
    do {
      var run = HeartbeatRun(
        folder: folder, servers: try await hub.start { line.show($0) }, connections: connections,
        rate: rate, seconds: Self.longestRestartSeconds)
      run.tokens = hub.tokens
      run.reconnects = true
      let untilAllHaveSpoken = run.untilAllHaveSpoken
      let restart = HeartbeatRestart(hub: hub, regions: BenchMiner.regions(of: connections))
      var restarts: [RestartFigures] = []
      let (figures, said) = try await run.measure("the hub", line) { plans in
        try await Task.sleep(for: untilAllHaveSpoken)
        // What the last of them said may still be on its way to the scorers.
        try await MatchProbe(clients: hub.clients, regions: restart.regions)
          .waitForSomebody(within: .seconds(30))
        for (signal, name) in [(SIGTERM, "SIGTERM"), (SIGKILL, "SIGKILL")] {
          restarts.append(try await restart.run(signal, name: name, plans))
        }
        try await Task.sleep(for: untilAllHaveSpoken)
      }
      var report = RestartReport(connections: connections, gateways: gateways)
      report.held = figures.held
      report.restarts = restarts.map { restart in
        var restart = restart
        restart.take(figures.connects)
        return restart
      }
      report.wrongValues = try await hub.countWrongValues(said)
      await hub.stop()
      return report
    } catch {
      await hub.stop()
      throw error
    }
  }
}
