import ArgumentParser
import Domain
import GatewayServices
import GatewayTransport
import Logging
import Messaging
import Postgres
import Redis
import Settings
import Telemetry

@main
struct GatewayCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "poolhub-gateway",
    abstract: "Serves miners, coordinators and operators over HTTP and WebSockets.",
    discussion: "Configured by the environment; .env.example lists every key.",
    version: Version.current)

  @Flag(help: "Only check the configuration: say what is wrong in one line, or that it is fine.")
  var checkConfig = false

  func run() async throws {
    let (settings, catalogue, curve, identity) = try await loadSettings(named: "poolhub-gateway") {
      reader in
      let settings = try GatewaySettings(reader)
      try settings.common.checkAddresses(
        database: PostgresDSN.isWellFormed, redis: { _ = try RedisURL($0) })
      let catalogue = try ServiceCatalogue(settings)
      let identity = try settings.tls.map { tls throws(SettingsError) in try TLSIdentity(tls) }
      return (settings, catalogue, try Curve.gateway(settings), identity)
    }
    if checkConfig { return print("the configuration is fine") }
    bootstrapLogging(
      level: settings.common.logLevel, format: settings.common.logFormat,
      fields: ["gateway": "\(settings.gatewayID)"])
    let logger = Logger(label: "poolhub-gateway")
    logger.notice("starting", metadata: ["version": "\(Version.current)"])
    do {
      try await GatewayProcess(
        settings: settings, catalogue: catalogue, curve: curve, identity: identity, logger: logger
      ).run()
    } catch {
      throw StartFailure(error, settings: settings) ?? error
    }
    logger.notice("stopped")
  }
}
