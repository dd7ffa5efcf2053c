import ArgumentParser
import Fleet
import IndexBenchmark
import JSON
import PathBenchmark

struct BenchStoresCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "stores",
    abstract: "What PostgreSQL alone and Redis alone reach with the same matches.",
    discussion: """
      The same miners and typical requests as with `bench match`, put into a PostgreSQL and a Redis of its own: the \
      best SQL that we know over one covering index, and a Lua script over packed records. Two clients ask, over Unix \
      sockets, with nothing between. Answers are compared with the index's; differences must be 0.
      """)

  @Option(help: "How many miners; several numbers with commas.")
  var miners = "1000,10000,100000"

  @Option(help: "How long each round lasts.")
  var seconds = 1.0

  @Option(help: "How many rounds.")
  var rounds = 5

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
    guard (0.1...300).contains(seconds), (1...99).contains(rounds) else {
      throw ValidationError("--seconds must be 0.1 to 300, --rounds 1 to 99")
    }
  }

  func run() async throws {
    let results = try await BenchFolder.with { folder in
      let line = ProgressLine(loggingInterval: .seconds(5))
      defer { line.clear() }
      var results: [(miners: Int, postgres: StoreRate, redis: StoreRate)] = []
      for size in sizes.sorted() {
        let plan = StoreRate.Plan(miners: size, seconds: seconds, rounds: rounds, seed: seed)
        line.show("\(Format.count(size)) miners: PostgreSQL")
        let postgres = try await postgres(plan, folder: "\(folder)/\(size)")
        line.show("\(Format.count(size)) miners: Redis")
        let redis = try await redis(plan, folder: "\(folder)/\(size)")
        results.append((size, postgres, redis))
      }
      return results
    }
    print(json ? Self.json(results) : Self.table(results))
    let differences = results.reduce(0) { $0 + $1.postgres.differences + $1.redis.differences }
    if differences > 0 { throw CommandError("\(differences) answers differ from the index's") }
  }

  private func postgres(_ plan: StoreRate.Plan, folder: String) async throws -> StoreRate {
    let server = PrivatePostgres(
      directory: folder + "/postgres", fsync: false,
      parameters: RegistryInPostgres.serverParameters)
    try await server.start()
    do {
      let rate = try await StoreRate.postgres(plan, dsn: server.dsn)
      await server.stop()
      return rate
    } catch {
      await server.stop()
      throw error
    }
  }

  private func redis(_ plan: StoreRate.Plan, folder: String) async throws -> StoreRate {
    let server = PrivateRedis(directory: folder + "/redis", keepsData: false)
    try await server.start()
    do {
      let rate = try await StoreRate.redis(plan, url: server.url)
      await server.stop()
      return rate
    } catch {
      await server.stop()
      throw error
    }
  }

  private static func table(
    _ results: [(miners: Int, postgres: StoreRate, redis: StoreRate)]
  ) -> String {
    var table = TextTable([
      ("miners", .right), ("store", .left), ("matches/s", .right), ("least–most", .right),
      ("p50 ms", .right), ("p99 ms", .right), ("differences", .right),
    ])
    for result in results {
      for (miners, name, one) in [
        (Format.count(result.miners), "PostgreSQL", result.postgres), ("", "Redis", result.redis),
      ] {
        let rate = Spread(one.perSecond)
        table.add([
          miners, name, Format.count(Int(rate.median)),
          "\(Format.count(Int(rate.least)))–\(Format.count(Int(rate.most)))",
          Format.decimal(Spread(one.p50Milliseconds).median, places: 2),
          Format.decimal(Spread(one.p99Milliseconds).median, places: 2),
          "\(one.differences) of \(one.comparedCount)",
        ])
      }
    }
    return table.text
  }

  private static func json(
    _ results: [(miners: Int, postgres: StoreRate, redis: StoreRate)]
  ) -> String {
    var json = JSONWriter()
    json.array { json in
      for result in results {
        json.object { json in
          json.field("miners", result.miners)
          for (name, one) in [("postgres", result.postgres), ("redis", result.redis)] {
            json.field(named: name) { json in
              json.object { json in
                json.field(named: "per_s") { Spread(one.perSecond).write(to: &$0) }
                json.field(named: "p50_ms") { Spread(one.p50Milliseconds).write(to: &$0) }
                json.field(named: "p99_ms") { Spread(one.p99Milliseconds).write(to: &$0) }
                json.field("differences", one.differences)
              }
            }
          }
        }
      }
    }
    return String(decoding: json.bytes, as: UTF8.self)
  }
}
