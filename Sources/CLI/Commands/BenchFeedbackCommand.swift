import ArgumentParser
import Fleet
import JSON
import PathBenchmark
import Postgres

struct BenchFeedbackCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "feedback",
    abstract: "Reports on jobs through the whole path, each durable before it is answered.",
    discussion: """
      Starts a hub of its own, with a PostgreSQL that syncs every commit to disk, and reports at a fixed rate, each \
      on another job, on all miners in turn; those that are due within a millisecond leave together. A rate that the \
      hub can't keep up with is lowered to 80 % of what it reached. After each round as many bytes as PostgreSQL logs \
      for it are written to a file and synced, with nothing else in the way: what waits for the disk there waits for it \
      anywhere. In the end every answered report must be in PostgreSQL.
      """)

  @Option(help: "How many miners.")
  var miners = 100_000

  @Option(help: "Reports a second.")
  var rate = 20_000.0

  @Option(help: "How long each round lasts.")
  var seconds = 5.0

  @Option(help: "How many rounds.")
  var rounds = 5

  @Option(help: "How many connections.")
  var connections = 64

  @Option(help: "How many reports of a connection may be unanswered.")
  var pipelined = 32

  @Option(help: "What miners are drawn from.")
  var seed: UInt64 = 1

  @Flag(help: "Print JSON instead of text.")
  var json = false

  func validate() throws {
    guard (1...5_000_000).contains(miners), (1...1_000_000).contains(rate),
      (0.1...300).contains(seconds), (1...99).contains(rounds), (1...8_000).contains(connections),
      (1...1_000).contains(pipelined)
    else {
      throw ValidationError(
        "--miners, --rate, --seconds, --rounds, --connections, --pipelined: out of range")
    }
  }

  func run() async throws {
    FileLimit.raise()
    let result = try await BenchFolder.with { folder in
      let line = ProgressLine(loggingInterval: .seconds(5))
      defer { line.clear() }
      let benchmark = FeedbackBenchmark(
        miners: miners, rate: rate, seconds: seconds, rounds: rounds, connections: connections,
        pipelined: pipelined, seed: seed
      ) { line.show($0) }
      return try await benchmark.measure(folder: folder)
    }
    print(json ? result.json : result.text)
    if let fault = result.fault { throw CommandError(fault) }
  }
}
