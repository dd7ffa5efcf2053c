import Settings

/// Settings that are all right, to change one at a time.
enum Environment {
  static let signingKey = "k1:MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="

  static let scorer = [
    "POOLHUB_DB_DSN": "dbname=poolhub", "POOLHUB_REDIS_URL": "redis://127.0.0.1:6379/0",
  ]

  static let gateway = scorer.merging(
    [
      "POOLHUB_COORDINATOR_SECRETS": "main:coordinator-secret",
      "POOLHUB_ADMIN_SECRET": "operator-secret", "POOLHUB_SESSION_SIGNING_KEYS": signingKey,
    ], uniquingKeysWith: { $1 })

  /// - Parameter changes: nil takes a key away.
  static func gatewaySettings(_ changes: [String: String?] = [:]) throws -> GatewaySettings {
    try GatewaySettings(reader(gateway, changes))
  }

  static func scorerSettings(_ changes: [String: String?] = [:]) throws -> ScorerSettings {
    try ScorerSettings(reader(scorer, changes))
  }

  private static func reader(
    _ base: [String: String], _ changes: [String: String?]
  ) -> SettingsReader {
    var environment = base
    for (key, value) in changes { environment[key] = value }
    return SettingsReader(environment: environment)
  }
}
