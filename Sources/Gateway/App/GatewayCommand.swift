import ArgumentParser
import Domain
import Foundation
import Logging
import Settings
import Supervision
import Telemetry

@main
struct GatewayCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "poolhub-gateway",
    abstract: "Serves miners, coordinators and operators over HTTP and WebSockets.",
    discussion: """
      Configured by the environment, by systemd's credentials and by files of KEY=value lines; \
      .env.example and poolhub.env(5) list every key. SIGTERM ends it once it has finished what it has; SIGHUP \
      makes it read secrets, stores' addresses, allowlists, the log's level and certificates anew.
      """,
    version: Version.current)

  @Flag(help: "Only check the configuration: say what is wrong in one line, or that it is fine.")
  var checkConfig = false

  @OptionGroup var files: SettingsFiles

  func run() async throws {
    let configuration = try await loadSettings(
      named: "poolhub-gateway", files: files.paths, GatewayConfiguration.init)
    let settings = configuration.settings
    if checkConfig { return print("the configuration is fine") }
    bootstrapLogging(
      level: settings.common.logLevel, format: settings.common.logFormat,
      fields: ["gateway": "\(settings.gatewayID)"])
    let logger = Logger(label: "poolhub-gateway")
    logger.notice("starting", metadata: ["version": "\(Version.current)"])
    do {
      let sockets = try HandedSockets.take(
        environment: ProcessInfo.processInfo.environment, processID: getpid())
      try await GatewayProcess(
        configuration, files: files.paths, sockets: sockets, logger: logger
      ).run()
    } catch {
      throw StartFailure(error, settings: settings) ?? error
    }
    logger.notice("stopped")
  }
}
