import ArgumentParser
import Simulation

struct SeedCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "seed",
    abstract: "Registers made-up miners, the same ones for the same seed.",
    discussion: """
      Each gets one sign of life, so it is online for one lease. Registering again with the same seed \
      updates the same miners.
      """)

  @Option(help: "How many.")
  var miners: Int

  @Option(help: "What they are drawn from.")
  var seed: UInt64 = 1

  @OptionGroup var connection: ConnectionOptions

  func validate() throws {
    guard (1...10_000_000).contains(miners) else {
      throw ValidationError("--miners must be 1 to 10000000")
    }
  }

  func run() async throws {
    let clients = try connection.clients()
    let created = try await Self.seed(0..<miners, seed: seed, clients: clients)
    print("\(Format.count(miners)) miners are registered, \(Format.count(created)) of them new")
  }

  /// - Returns: how many were new.
  static func seed(
    _ indices: Range<Int>, seed: UInt64, clients: [HubClient]
  ) async throws -> Int {
    let line = ProgressLine()
    let start = ContinuousClock.now
    let catalog = MinerCatalog(seed: seed, count: indices.upperBound)
    let seeding = Seeding(hubs: clients, catalog: catalog)
    defer { line.clear() }
    return try await seeding.run(indices) { done in
      line.show(
        {
          let rate = Double(done) / max(0.001, (ContinuousClock.now - start) / .seconds(1))
          return "registering \(Format.count(done)) of \(Format.count(indices.count)) miners, "
            + "\(Format.count(Int(rate)))/s"
        }())
    }
  }
}
