import ArgumentParser
import Fleet
import FoundationEssentials
import Glibc
import JSON
import Simulation

struct BenchMatchCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "match",
    abstract:
      "Matches through the whole path, HTTP in and HTTP out, beside a bare server's constant.",
    discussion: """
      Starts a hub of its own with one gateway and one scorer, registers miners, and lets wrk send seeded \
      requests; then the same requests to Hummingbird answering a constant. The two take turns, and the \
      median of the rounds is shown with the least and the most.
      """)

  @Option(help: "How many miners; several numbers with commas.")
  var miners = "1000,10000"

  @Option(help: "How long each round lasts.")
  var seconds = 10

  @Option(help: "How many rounds.")
  var rounds = 3

  @Option(help: "How many connections.")
  var connections = 16

  @Option(help: "How many different requests.")
  var requests = 2_000

  @Option(help: "What miners and requests are drawn from.")
  var seed: UInt64 = 1

  @Flag(help: "Print JSON instead of a table.")
  var json = false

  private var sizes: [Int] { miners.split(separator: ",").compactMap { Int($0) } }

  func validate() throws {
    let parts = miners.split(separator: ",", omittingEmptySubsequences: false)
    guard !parts.isEmpty, sizes.count == parts.count,
      sizes.allSatisfy({ (1...5_000_000).contains($0) })
    else { throw ValidationError("--miners must be numbers with commas between them") }
    guard (1...3_600).contains(seconds), (1...99).contains(rounds),
      (1...10_000).contains(connections)
    else { throw ValidationError("--seconds, --rounds and --connections must be above 0") }
    guard (1_000...1_000_000).contains(requests) else {
      throw ValidationError("--requests must be 1000 to 1000000")
    }
  }

  func run() async throws {
    FileLimit.raise()
    let wrk = try WrkRun.findProgram()
    let folder = try TemporaryFolder()
    let hub = DevHub(
      options: hubOptions(folder.path + "/hub"), hooks: .standard { Console.error($0) })
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
    do {
      let results = try await measure(hub, wrk: wrk, folder: folder.path)
      await hub.stop()
      print(json ? BenchReport.json(results) : BenchReport.table(results))
    } catch {
      await hub.stop()
      throw error
    }
  }

  private func hubOptions(_ directory: String) -> DevOptions {
    var options = DevOptions(directory: directory)
    options.port = 0
    options.gateways = 1
    options.scorers = 1
    // Miners stay online with nobody to renew their leases, and no answer is audited.
    options.settings = [
      "POOLHUB_LEASE_TTL_SEC=3600", "POOLHUB_LOG_LEVEL=warning", "POOLHUB_AUDIT_SHARE=0",
    ].compactMap { DevOptions.Setting($0) }
    return options
  }

  private func measure(_ hub: DevHub, wrk: String, folder: String) async throws -> [BenchResult] {
    let state = try await hub.start()
    let bare = try await BareServer.start(log: folder + "/bare.log")
    defer { bare.child.terminate() }
    let client = HubClient(url: state.gateways[0], coordinatorSecret: state.coordinatorSecret)
    let script = try WrkScript(
      folder: folder, bodies: bodies(), bearer: state.coordinatorSecret)
    var results: [BenchResult] = []
    var seeded = 0
    for size in sizes.sorted() {
      let line = ProgressLine(loggingInterval: .seconds(5))
      defer { line.clear() }
      if size > seeded {
        _ = try await SeedCommand.seed(seeded..<size, seed: seed, clients: [client])
        seeded = size
      }
      try await waitUntilOnline(size, client)
      var result = BenchResult(miners: size)
      for round in 1...rounds {
        let what = "\(Format.count(size)) miners, round \(round) of \(rounds)"
        line.show("\(what): the hub")
        result.hub.append(try await wrkRun(wrk, script, state.gateways[0]).run())
        line.show("\(what): the constant")
        result.bare.append(try await wrkRun(wrk, script, bare.url).run())
      }
      results.append(result)
    }
    return results
  }

  private func wrkRun(_ program: String, _ script: WrkScript, _ url: String) -> WrkRun {
    WrkRun(
      program: program, script: script, url: url, connections: connections, seconds: seconds)
  }

  private func bodies() -> [[UInt8]] {
    var mix = RequestMix(seed: seed)
    return (0..<requests).map { mix.next(jobID: "bench-\($0)") }
  }

  /// The last heartbeats may still be on their way to the scorer.
  private func waitUntilOnline(_ count: Int, _ client: HubClient) async throws {
    let deadline = ContinuousClock.now + .seconds(30)
    let probe = Array(#"{"job_id":"bench-probe","explain":"full"}"#.utf8)
    while true {
      let answer = try await client.match(probe)
      let json = answer.json
      let offline = json?["rejected"]?["offline"]?.int ?? 0
      let known = json?["considered"]?.int ?? 0
      if known - offline >= count { return }
      if ContinuousClock.now > deadline {
        throw CommandError(
          "only \(known - offline) of \(count) miners are online: \(answer.summary)")
      }
      try await Task.sleep(for: .milliseconds(100))
    }
  }
}
