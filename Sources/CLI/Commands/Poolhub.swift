import ArgumentParser

/// The operator's and developer's tool.
@main
struct Poolhub: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "poolhub",
    abstract: "Runs, fills, asks and measures a Pool Hub.",
    subcommands: [
      DevCommand.self, MigrateCommand.self, SeedCommand.self, SimulateCommand.self,
      MatchCommand.self, MinersCommand.self, StatusCommand.self, KeysCommand.self,
      AuditCommand.self, BenchCommand.self, ChaosCommand.self,
    ])
}

/// What went wrong, in one plain line.
struct CommandError: Error, CustomStringConvertible {
  let description: String

  init(_ description: String) { self.description = description }
}
