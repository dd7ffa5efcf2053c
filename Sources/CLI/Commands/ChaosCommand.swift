import ArgumentParser
import Chaos
import Fleet
import Glibc

struct ChaosCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "chaos",
    abstract: "Breaks a private fleet in every way, under load, and audits what is left.",
    discussion: """
      Starts gateways, scorers, PostgreSQL and Redis of its own, mock miners and coordinators, and a nemesis that \
      kills, stops, restarts and cuts off one after another. At the end every acknowledged report and registration \
      must be stored once, trust must be what the stored feedback makes, and all scorers, one started afresh \
      included, must hold the same of every miner. Ends with 1 when anything is wrong.
      """)

  @Option(help: "What the faults, miners and requests are drawn from.")
  var seed: UInt64 = 1

  @Option(help: "How long faults go on.")
  var seconds = 120

  @Option(help: "How many gateways.")
  var gateways = 2

  @Option(help: "How many scorers.")
  var scorers = 4

  @Option(help: "How many mock miners.")
  var miners = 2_000

  @Option(help: "Matches a second.")
  var matchRate = 100.0

  @Option(help: "New registrations a second, beside the mock miners'.")
  var registrationRate = 10.0

  @Option(help: "The longest that a fault lasts, in milliseconds.")
  var longestFault = 4_000

  @Flag(
    help: "Also end with 1 when an aim is missed: answers while scorers die, recovery of stores.")
  var strict = false

  @Flag(help: "Print JSON instead of tables.")
  var json = false

  @Option(
    help: "Keep data and logs in this folder, which must not exist. (default: a temporary one)")
  var data: String?

  func validate() throws {
    guard (1...86_400).contains(seconds) else {
      throw ValidationError("--seconds must be 1 to 86400")
    }
    guard (1...8).contains(gateways), (1...32).contains(scorers) else {
      throw ValidationError("--gateways must be 1 to 8 and --scorers 1 to 32")
    }
    guard (1...15_000).contains(miners) else {
      throw ValidationError("--miners must be 1 to 15000")
    }
    guard (0.1...10_000).contains(matchRate), (0.1...1_000).contains(registrationRate) else {
      throw ValidationError("--match-rate must be 0.1 to 10000, --registration-rate 0.1 to 1000")
    }
    guard (500...60_000).contains(longestFault) else {
      throw ValidationError("--longest-fault must be 500 to 60000")
    }
  }

  func run() async throws {
    FileLimit.raise()
    let temporary = try data == nil ? TemporaryFolder() : nil
    defer { temporary?.remove() }
    let folder = try temporary?.path ?? makeDataFolder()
    let signals = StopSignals.stream()
    let watch = Task {
      // The kernel ends every child; only the folder is left to remove.
      for await _ in signals {
        temporary?.remove()
        _exit(130)
      }
    }
    defer { watch.cancel() }
    let migrations = try MigrationsFolder.find()
    let report = try await ChaosRun(
      options, directory: folder, executables: OwnExecutable.directory,
      migrate: { _ = try await MigrateCommand.migrate(dsn: $0, directory: migrations) },
      say: { Console.error($0) }
    ).run()
    Console.out(json ? report.json : ChaosTable.text(report))
    for note in report.audit.notes + report.refusals + report.staleCandidates {
      Console.error(note)
    }
    let faults = report.wrongs + (strict ? report.missedAims : [])
    if !faults.isEmpty { throw CommandError(faults.joined(separator: "; ")) }
  }

  private var options: ChaosRun.Options {
    var options = ChaosRun.Options()
    options.seed = seed
    options.seconds = seconds
    options.gateways = gateways
    options.scorers = scorers
    options.miners = miners
    options.matchRate = matchRate
    options.registrationRate = registrationRate
    options.holdMilliseconds = min(500, longestFault)...longestFault
    return options
  }

  private func makeDataFolder() throws -> String {
    guard let data else { throw CommandError("no folder was given") }
    guard mkdir(data, 0o755) == 0, let path = realpath(data, nil) else {
      throw CommandError("\(data) can't be made: \(String(cString: strerror(errno)))")
    }
    defer { free(path) }
    return String(cString: path)
  }
}
