import ArgumentParser
import Fleet
import FoundationEssentials
import Glibc
import Postgres

struct BenchStartCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "start",
    abstract: "How long a scorer takes from its start to its first possible answer.",
    discussion: """
      Fills a PostgreSQL and a Redis of its own with miners, as a hub would have stored them, then starts a \
      scorer several times and waits until it says that it is ready.
      """)

  @Option(help: "How many miners.")
  var miners = 100_000

  @Option(help: "How many starts; the median is shown with the least and the most.")
  var rounds = 3

  @Option(help: "What the miners are drawn from.")
  var seed: UInt64 = 1

  @Flag(help: "Print JSON instead of text.")
  var json = false

  func validate() throws {
    guard (1...5_000_000).contains(miners) else {
      throw ValidationError("--miners must be 1 to 5000000")
    }
    guard (1...99).contains(rounds) else { throw ValidationError("--rounds must be 1 to 99") }
  }

  func run() async throws {
    let folder = try TemporaryFolder()
    defer { folder.remove() }
    let postgres = PrivatePostgres(
      directory: folder.path + "/postgres", parameters: ["synchronous_commit=off"])
    let redis = PrivateRedis(directory: folder.path + "/redis", keepsData: false)
    do {
      try await postgres.start()
      try await redis.start()
      let result = try await measure(postgres.dsn, redis.url, folder.path)
      await redis.stop()
      await postgres.stop()
      print(json ? result.json : result.text)
    } catch {
      await redis.stop()
      await postgres.stop()
      throw error
    }
  }

  private func measure(
    _ dsn: String, _ redisURL: String, _ folder: String
  ) async throws -> StartResult {
    try await fill(dsn, redisURL)
    var result = StartResult(miners: miners)
    for round in 1...rounds {
      let line = ProgressLine(loggingInterval: .seconds(5))
      line.show("start \(round) of \(rounds)")
      defer { line.clear() }
      let start = ScorerStart(
        environment: [
          "POOLHUB_DB_DSN": dsn, "POOLHUB_REDIS_URL": redisURL, "POOLHUB_AUDIT_SHARE": "0",
          "POOLHUB_SCORER_ID": "bench", "POOLHUB_GATEWAYS": "ipc://\(folder)/nobody.sock",
        ], log: "\(folder)/scorer-\(round).log")
      let one = try await start.measure()
      result.seconds.append(one.seconds)
      result.residentBytes.append(one.residentBytes)
    }
    return result
  }

  private func fill(_ dsn: String, _ redisURL: String) async throws {
    _ = try await MigrateCommand.migrate(dsn: dsn, directory: MigrationsFolder.find())
    let line = ProgressLine(loggingInterval: .seconds(5))
    defer { line.clear() }
    try await StoredMiners(count: miners, seed: seed).fill(dsn: dsn, redisURL: redisURL) {
      line.show("storing: \(Format.count($0)) of \(Format.count(miners)) miners")
    }
  }
}

/// One scorer's start.
private struct ScorerStart {
  private static let limit = Duration.seconds(300)

  let environment: [String: String]
  let log: String

  /// - Returns: from the process's start to its log's word that it is ready, and its memory then.
  func measure() async throws -> (seconds: Double, residentBytes: Int) {
    let begin = ContinuousClock.now
    let child = try await ChildProcess.start(
      executable: OwnExecutable.directory + "/poolhub-scorer",
      environment: ProcessInfo.processInfo.environment.merging(environment) { $1 },
      output: .file(log))
    while !isReady {
      if !child.isRunning || ContinuousClock.now - begin > Self.limit {
        child.terminate(signal: SIGKILL)
        let said = LogTail.lines(of: log, count: 5).joined(separator: "\n")
        throw CommandError("the scorer did not become ready:\n\(said)")
      }
      try await Task.sleep(for: .milliseconds(5))
    }
    let taken = ContinuousClock.now - begin
    let memory = ProcessUsage(of: child.pid).residentBytes
    child.terminate(signal: SIGKILL)
    _ = await child.waitForExit()
    return (taken / .seconds(1), memory)
  }

  private var isReady: Bool {
    LogTail.lines(of: log, count: 20).contains { $0.contains(#""ready""#) || $0.contains(" ready") }
  }
}

private struct StartResult {
  let miners: Int
  var seconds: [Double] = []
  var residentBytes: [Int] = []

  private var sorted: [Double] { seconds.sorted() }
  private var median: Double { sorted[sorted.count / 2] }
  private var memory: Int { residentBytes.sorted()[residentBytes.count / 2] }

  var text: String {
    func number(_ value: Double) -> String { Format.decimal(value, places: 2) }
    return """
      a scorer with \(Format.count(miners)) miners in its stores is ready after \(number(median)) s \
      (\(number(sorted.first!)) to \(number(sorted.last!)) of \(seconds.count) starts), \
      with \(Format.count(memory >> 20)) MiB of memory
      """
  }

  var json: String {
    """
    {"miners":\(miners),"ready_s":\(median),"ready_s_least":\(sorted.first!),\
    "ready_s_most":\(sorted.last!),"resident_bytes":\(memory)}
    """
  }
}
