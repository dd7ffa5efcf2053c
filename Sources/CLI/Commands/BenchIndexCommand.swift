import ArgumentParser
import Fleet
import Glibc
import IndexBenchmark

struct BenchIndexCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "index",
    abstract: "The index alone: exact top-k in memory, beside two plain scans of the same data.",
    discussion: """
      Builds a seeded registry, times a mix of requests one by one at rest and again while heartbeats are \
      applied, compares a sample of the answers with a plain columnar scan and a scan over bit masks (differences \
      must be 0), and lets copies of itself answer at the same time.
      """)

  enum Rival: String, ExpressibleByArgument, CaseIterable { case postgres }

  @Option(help: "How many miners.")
  var miners = 100_000

  @Option(help: "How long matches are timed at rest, and again under updates.")
  var seconds = 10

  @Option(help: "Heartbeats a second while matches are timed under updates.")
  var updatesPerSecond = 70_000

  @Option(help: "How many processes answer at once at the end; 1: none but this one.")
  var processes = 2

  @Option(help: "What miners and requests are drawn from.")
  var seed: UInt64 = 1

  @Flag(inversion: .prefixedNo, help: "Also time smaller registries (not with --json).")
  var growth = true

  @Option(help: "Also ask the same of a private PostgreSQL server: postgres.")
  var against: Rival?

  @Flag(help: "Print JSON instead of tables.")
  var json = false

  /// The folder through which a copy of this command is told when to start, and says what it reached.
  @Option(help: .hidden)
  var workerFolder: String?

  @Option(help: .hidden)
  var workerNumber = 1

  func validate() throws {
    guard (1...5_000_000).contains(miners) else {
      throw ValidationError("--miners must be 1 to 5000000")
    }
    guard (1...300).contains(seconds) else {
      throw ValidationError("--seconds must be 1 to 300")
    }
    guard (1...10_000_000).contains(updatesPerSecond) else {
      throw ValidationError("--updates-per-second must be 1 to 10000000")
    }
    guard (1...64).contains(processes) else {
      throw ValidationError("--processes must be 1 to 64")
    }
  }

  func run() async throws {
    if let workerFolder {
      return try await BenchWorkers.work(
        number: workerNumber, in: workerFolder, miners: miners, seed: seed)
    }
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
    let line = ProgressLine()
    var result = measure(line)
    if processes > 1 {
      line.show("\(processes) processes: building")
      let workers = BenchWorkers(
        folder: folder.path, count: processes, miners: miners, seconds: seconds, seed: seed)
      result.processes = try await workers.run()
    }
    if against == .postgres { result.postgres = try await measurePostgres(folder.path, line) }
    line.clear()
    print(json ? result.json : BenchIndexReport.text(result))
    let differences = result.differences + (result.postgres?.differences ?? 0)
    if differences > 0 { throw CommandError("\(differences) answers differ from the index's") }
  }

  private func measurePostgres(
    _ folder: String, _ line: ProgressLine
  ) async throws -> PostgresComparison {
    line.show("PostgreSQL: starting")
    let server = PrivatePostgres(
      directory: folder + "/postgres", fsync: false,
      parameters: RegistryInPostgres.serverParameters)
    try await server.start()
    do {
      let comparison = try PostgresComparison.run(
        miners: miners, seconds: seconds, seed: seed, dsn: server.dsn
      ) { line.show($0) }
      await server.stop()
      return comparison
    } catch {
      await server.stop()
      throw error
    }
  }

  private func measure(_ line: ProgressLine) -> IndexBenchmarkResult {
    var options = IndexBenchmark.Options(miners: miners, seconds: seconds)
    options.updatesPerSecond = updatesPerSecond
    options.seed = seed
    options.measuresGrowth = growth && !json
    var benchmark = IndexBenchmark(options) { line.show($0) }
    return benchmark.run()
  }
}
