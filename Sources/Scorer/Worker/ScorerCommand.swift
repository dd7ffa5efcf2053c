import ArgumentParser
import Domain
import Logging
import Messaging
import Postgres
import Redis
import Settings
import Telemetry

@main
struct ScorerCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "poolhub-scorer",
    abstract: "Answers matches for the pool's gateways from an index of all live miners.",
    discussion: "Configured by the environment; .env.example lists every key.",
    version: Version.current)

  @Flag(help: "Only check the configuration: say what is wrong in one line, or that it is fine.")
  var checkConfig = false

  func run() async throws {
    let (settings, curve) = try await loadSettings(named: "poolhub-scorer") { reader in
      let settings = try ScorerSettings(reader)
      try settings.common.checkAddresses(
        database: PostgresDSN.isWellFormed, redis: { _ = try RedisURL($0) })
      return (settings, try Curve.scorer(settings))
    }
    if checkConfig { return print("the configuration is fine") }
    bootstrapLogging(
      level: settings.common.logLevel, format: settings.common.logFormat,
      fields: ["scorer": "\(settings.scorerID)"])
    let logger = Logger(label: "poolhub-scorer")
    logger.notice("starting", metadata: ["version": "\(Version.current)"])
    try await ScorerProcess(settings: settings, curve: curve, logger: logger).run()
    logger.notice("stopped")
  }
}
