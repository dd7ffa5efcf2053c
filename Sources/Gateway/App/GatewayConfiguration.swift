import GatewayServices
import GatewayTransport
import Messaging
import Postgres
import Redis
import Settings

/// All that a gateway is told, read and checked.
struct GatewayConfiguration: Sendable {
  /// Where it was read from.
  let reader: SettingsReader
  let settings: GatewaySettings
  let catalogue: ServiceCatalogue
  /// nil: links to scorers are plain.
  let curve: Curve?
  /// nil: plain HTTP.
  let identity: TLSIdentity?

  init(_ reader: SettingsReader) throws {
    self.reader = reader
    settings = try Self.settings(reader)
    catalogue = try ServiceCatalogue(settings)
    curve = try Curve.gateway(settings)
    identity = try settings.tls.map { tls throws(SettingsError) in try TLSIdentity(tls) }
  }

  static func settings(_ reader: SettingsReader) throws(SettingsError) -> GatewaySettings {
    let settings = try GatewaySettings(reader)
    try settings.common.checkAddresses(
      database: PostgresDSN.isWellFormed, redis: { _ = try RedisURL($0) })
    return settings
  }
}
