import ArgumentParser

struct BenchCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "bench", abstract: "Measures this build on this machine.",
    subcommands: [
      BenchAllCommand.self, BenchCheckCommand.self, BenchMatchCommand.self, BenchStoresCommand.self,
      BenchFeedbackCommand.self, BenchIndexCommand.self, BenchHeartbeatsCommand.self,
      BenchStartCommand.self, HeartbeatLoadCommand.self,
    ],
    defaultSubcommand: BenchMatchCommand.self)
}
