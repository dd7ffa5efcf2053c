import ArgumentParser
import Domain

/// The operator's and developer's tool.
@main
struct Poolhub: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "poolhub",
    abstract: "Runs, fills, asks and measures a Pool Hub.",
    version: Version.current,
    subcommands: [
      DevCommand.self, MigrateCommand.self, SeedCommand.self, SimulateCommand.self,
      MatchCommand.self, MinersCommand.self, StatusCommand.self, ScaleCommand.self,
      KeysCommand.self,
      AuditCommand.self, BenchCommand.self, ChaosCommand.self,
    ])
}

/// What went wrong, in one plain line.
struct CommandError: Error, CustomStringConvertible {
  let description: String

  init(_ description: String) { self.description = description }
}
