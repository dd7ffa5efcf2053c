import Messaging
import Postgres
import Redis
import Settings

/// All that a scorer is told, read and checked.
struct ScorerConfiguration: Sendable {
  /// Where it was read from.
  let reader: SettingsReader
  let settings: ScorerSettings
  /// nil: links to gateways are plain.
  let curve: Curve?

  init(_ reader: SettingsReader) throws {
    self.reader = reader
    settings = try ScorerSettings(reader)
    try settings.common.checkAddresses(
      database: PostgresDSN.isWellFormed, redis: { _ = try RedisURL($0) })
    curve = try Curve.scorer(settings)
  }
}
