import ArgumentParser
import Fleet
import Glibc
import Simulation

struct SimulateCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "simulate",
    abstract: "Mock miners and a mock coordinator against a running hub.",
    discussion: """
      Miners hold WebSockets, send heartbeats, drift in load and latency, leave and return. The \
      coordinator matches jobs, gives them to the miners that were chosen, and feeds back how they went: \
      each miner has a reliability that the hub has to find out.
      """)

  @Option(help: "How many miners.")
  var miners = 200

  @Option(help: "What they are drawn from.")
  var seed: UInt64 = 1

  @Option(help: "Matches a second; 0 for none.")
  var matchRate = 5.0

  @Option(help: "The share of matches whose outcome is fed back, 0 to 1.")
  var feedbackShare = 0.8

  @Option(help: "How long to go on. (default: until Ctrl-C)")
  var seconds: Double?

  @Option(help: "How many seconds a miner stays on average before it leaves for a while.")
  var meanStay = 300.0

  @Option(help: "The share of miners whose connection keeps breaking, 0 to 1.")
  var flakyShare = 0.05

  @OptionGroup var connection: ConnectionOptions

  func validate() throws {
    guard (0...1_000_000).contains(miners) else {
      throw ValidationError("--miners must be 0 to 1000000")
    }
    guard (0...100_000).contains(matchRate) else {
      throw ValidationError("--match-rate must be 0 to 100000")
    }
    guard (0...1).contains(feedbackShare), (0...1).contains(flakyShare) else {
      throw ValidationError("shares must be 0 to 1")
    }
    guard meanStay > 0, meanStay <= 1e9, seconds.map({ $0 > 0 && $0 <= 1e9 }) ?? true else {
      throw ValidationError("--seconds and --mean-stay must be above 0")
    }
  }

  func run() async throws {
    let limit = FileLimit.raise()
    if miners > limit - 200 {
      throw CommandError(
        "\(miners) miners need as many sockets, but a process here may have \(limit) files open")
    }
    let clients = try connection.clients()
    if matchRate > 0 { _ = try connection.coordinatorClient() }
    let pool = SimulatedPool(poolOptions(clients))
    let start = ContinuousClock.now
    let signals = StopSignals.stream()
    await withTaskGroup { group in
      group.addTask { await pool.run() }
      group.addTask { await report(pool.counters) }
      // The first signal, or the end of the time, ends it; a second signal ends it at once.
      await Self.wait(for: signals, seconds: seconds)
      let hurry = Task { for await _ in signals { _exit(130) } }
      group.cancelAll()
      await group.waitForAll()
      hurry.cancel()
    }
    printSummary(pool.counters, lasted: ContinuousClock.now - start)
  }

  private func poolOptions(_ clients: [HubClient]) -> SimulatedPool.Options {
    var options = SimulatedPool.Options(
      urls: clients.map(\.baseURL), miners: miners, seed: seed, matchRate: matchRate,
      feedbackShare: feedbackShare, coordinatorSecret: clients[0].coordinatorSecret)
    options.temper.meanStaySeconds = meanStay
    options.temper.flakyShare = flakyShare
    return options
  }

  private static func wait(for signals: AsyncStream<Void>, seconds: Double?) async {
    await withTaskGroup { group in
      group.addTask { for await _ in signals { return } }
      if let seconds { group.addTask { try? await Task.sleep(for: .seconds(seconds)) } }
      await group.next()
      group.cancelAll()
    }
  }

  private func report(_ counters: SimulationCounters) async {
    let line = ProgressLine(loggingInterval: .seconds(10))
    var before = counters.snapshot
    var beforeTime = ContinuousClock.now
    while (try? await Task.sleep(for: .seconds(1))) != nil {
      let now = counters.snapshot
      let seconds = (ContinuousClock.now - beforeTime) / .seconds(1)
      let heartbeats = Double(now.heartbeats - before.heartbeats) / seconds
      let matches = Double(now.matches - before.matches) / seconds
      line.show(
        "\(Format.count(now.connected)) of \(Format.count(miners)) miners connected · "
          + "\(Format.decimal(heartbeats, places: 1)) heartbeats/s · "
          + "\(Format.decimal(matches, places: 1)) matches/s · "
          + "p50 \(Format.duration(counters.matchLatency.quantile(0.5))) "
          + "p99 \(Format.duration(counters.matchLatency.quantile(0.99)))"
          + (now.failedMatches > 0 ? " · \(Format.count(now.failedMatches)) failed" : ""))
      before = now
      beforeTime = ContinuousClock.now
    }
    line.clear()
  }

  private func printSummary(_ counters: SimulationCounters, lasted: Duration) {
    let totals = counters.snapshot
    var table = TextTable([("what", .left), ("count", .right), ("p50", .right), ("p99", .right)])
    func add(_ what: String, _ count: Int, _ latency: LatencyHistogram? = nil) {
      table.add([
        what, Format.count(count), latency.map { Format.duration($0.quantile(0.5)) } ?? "",
        latency.map { Format.duration($0.quantile(0.99)) } ?? "",
      ])
    }
    add("registrations", totals.registrations)
    add("heartbeats", totals.heartbeats, counters.acknowledgementLatency)
    add("connections cut and made anew", totals.reconnects)
    add("refused or failed entries", totals.failures)
    add("matches", totals.matches, counters.matchLatency)
    add("  of them with no candidate", totals.emptyMatches)
    add("failed matches", totals.failedMatches)
    add("feedbacks", totals.feedbacks)
    add("failed feedbacks", totals.failedFeedbacks)
    print("\(Format.count(miners)) miners for \(Format.duration(lasted))\n\(table.text)")
    if let reason = totals.lastFailure { print("the latest entry that failed: \(reason)") }
  }
}
