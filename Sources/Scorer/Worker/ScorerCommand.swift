import ArgumentParser
import Domain
import Logging
import Settings
import Telemetry

@main
struct ScorerCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "poolhub-scorer",
    abstract: "Answers matches for the pool's gateways from an index of all live miners.",
    discussion: """
      Configured by the environment, by systemd's credentials and by files of KEY=value lines; \
      .env.example and poolhub.env(5) list every key. SIGTERM ends it once it has finished what it has; SIGHUP \
      makes it read weights, stores' addresses and the log's level anew.
      """,
    version: Version.current)

  @Flag(help: "Only check the configuration: say what is wrong in one line, or that it is fine.")
  var checkConfig = false

  @OptionGroup var files: SettingsFiles

  func run() async throws {
    let configuration = try await loadSettings(
      named: "poolhub-scorer", files: files.paths, ScorerConfiguration.init)
    let settings = configuration.settings
    if checkConfig { return print("the configuration is fine") }
    bootstrapLogging(
      level: settings.common.logLevel, format: settings.common.logFormat,
      fields: ["scorer": "\(settings.scorerID)"])
    let logger = Logger(label: "poolhub-scorer")
    logger.notice("starting", metadata: ["version": "\(Version.current)"])
    try await ScorerProcess(configuration, files: files.paths, logger: logger).run()
    logger.notice("stopped")
  }
}
