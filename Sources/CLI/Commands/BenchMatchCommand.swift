import ArgumentParser
import Fleet
import Glibc
import PathBenchmark
import Simulation

struct BenchMatchCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "match",
    abstract:
      "Matches through the whole path, HTTP in and HTTP out, beside bare servers' constants.",
    discussion: """
      Starts a hub of its own over stores that hold the miners, and bare servers that answer a constant of \
      the same size: Hummingbird, NIO, nginx. Each of them, the gateway included, has one core to itself; the scorer, \
      clients and stores have the other ones; who asks for batches goes where there is room. In each round all \
      take turns: first as many typical requests as they answer (wrk), then a fixed rate of them for the \
      latencies, beside a round trip over ZeroMQ alone between the two cores. Medians of the rounds are shown \
      with the least and the most.
      """)

  @Option(help: "How many miners; several numbers with commas.")
  var miners = "1000,10000,100000"

  @Option(help: "How long each round lasts, once for the rate and once for the latencies.")
  var seconds = 2

  @Option(help: "How many rounds.")
  var rounds = 5

  @Option(help: "How many connections.")
  var connections = 64

  @Option(help: "More numbers of connections, with commas, that the hub alone is asked over, too.")
  var moreConnections = ""

  @Option(
    help:
      "The rate for the latencies, in requests/s. (default: 30 % of NIO's, or of the hub's without floors)"
  )
  var rate: Double?

  @Option(help: "How many scorers.")
  var scorers = 1

  @Option(help: "How many different requests.")
  var requests = 10_000

  @Option(help: "What miners and requests are drawn from.")
  var seed: UInt64 = 1

  @Flag(inversion: .prefixedNo, help: "Measure the bare servers, too.")
  var floor = true

  @Flag(
    help:
      "Also ask for batches of 64, over as many connections, in turn with the index alone on one core."
  )
  var batch = false

  @Flag(help: "Count matches against a limit, which is far above what can be asked.")
  var limits = false

  @Option(
    help: ArgumentHelp("The folder of poolhub-gateway and poolhub-scorer.", visibility: .hidden))
  var executables: String?

  @Flag(help: "Print JSON instead of a table.")
  var json = false

  func validate() throws {
    guard let sizes = Self.numbers(miners, in: 1...5_000_000), !sizes.isEmpty else {
      throw ValidationError("--miners must be numbers with commas between them")
    }
    guard Self.numbers(moreConnections, in: 1...10_000) != nil else {
      throw ValidationError("--more-connections must be numbers with commas between them")
    }
    guard (1...3_600).contains(seconds), (1...99).contains(rounds),
      (1...10_000).contains(connections), (1...20).contains(scorers)
    else { throw ValidationError("--seconds, --rounds, --connections, --scorers: out of range") }
    guard rate.map((1...1_000_000).contains) ?? true else {
      throw ValidationError("--rate must be 1 to 1000000")
    }
    guard (1_000...1_000_000).contains(requests) else {
      throw ValidationError("--requests must be 1000 to 1000000")
    }
  }

  func run() async throws {
    FileLimit.raise()
    let plan = MatchBenchmark.Plan(
      wrk: try WrkRun.findProgram(), seconds: seconds, rounds: rounds, connections: connections,
      moreConnections: Self.numbers(moreConnections, in: 1...10_000) ?? [], openPerSecond: rate,
      scorers: scorers, requests: requests, seed: seed, hasFloors: floor, asksBatches: batch,
      hasLimits: limits, executables: executables)
    let results = try await BenchFolder.with { folder in
      let line = ProgressLine(loggingInterval: .seconds(5))
      defer { line.clear() }
      var results: [PathFigures] = []
      for size in (Self.numbers(miners, in: 1...5_000_000) ?? []).sorted() {
        let own = "\(folder)/\(size)"
        try PrivateFile.makeDirectory(own, mode: 0o755)
        let benchmark = MatchBenchmark(plan: plan, folder: own) {
          line.show("\(Format.count(size)) miners: \($0)")
        }
        results.append(try await benchmark.measure(size))
      }
      return results
    }
    print(json ? MatchReport.json(results) : MatchReport.table(results))
  }

  private static func numbers(_ text: String, in range: ClosedRange<Int>) -> [Int]? {
    let parts = text.split(separator: ",", omittingEmptySubsequences: false)
    if text.isEmpty { return [] }
    let numbers = parts.compactMap { Int($0) }
    return numbers.count == parts.count && numbers.allSatisfy(range.contains) ? numbers : nil
  }
}
