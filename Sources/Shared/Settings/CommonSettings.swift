import Domain
import Foundation
import Logging
import Telemetry

/// What the gateway and the scorer both need.
package struct CommonSettings: Sendable {
  /// POOLHUB_DB_DSN: a libpq connection string or URI.
  package var databaseDSN: String
  /// POOLHUB_DB_CONNECTIONS=4, 1–256.
  package var databaseConnectionCount: Int
  /// POOLHUB_REDIS_URL: redis://[user:password@]host:port[/db] or unix:///path.
  package var redisURL: String
  /// POOLHUB_REDIS_PREFIX=poolhub: every key starts with `{prefix}:`.
  package var redisPrefix: String
  /// POOLHUB_STREAM_MAX_ENTRIES=20000: where the change stream is trimmed.
  package var streamEntryLimit: Int
  /// POOLHUB_LEASE_TTL_SEC=60, 1–86,400.
  package var leaseSeconds: Int
  /// POOLHUB_HEARTBEAT_GRACE_SEC=120, 0–86,400.
  package var heartbeatGraceSeconds: Int
  /// POOLHUB_REGISTRY_TRUST_SEC=300, 0–86,400.
  package var registryTrustSeconds: Int
  /// POOLHUB_LOG_LEVEL=info.
  package var logLevel: Logger.Level
  /// POOLHUB_LOG_FORMAT=text.
  package var logFormat: LogFormat

  /// How long Redis keeps live status that nobody renews: until no scorer could count it any more.
  package var statusTimeToLiveSeconds: Int {
    leaseSeconds + heartbeatGraceSeconds + registryTrustSeconds + 3_600
  }

  /// Asks those who will use the stores' addresses whether they can.
  ///
  /// - Parameters:
  ///   - database: whether this is a connection string.
  ///   - redis: reads a URL; what it throws says what is wrong with it and holds no secret.
  package func checkAddresses(
    database: (String) -> Bool, redis: (String) throws -> Void
  ) throws(SettingsError) {
    guard database(databaseDSN) else {
      throw SettingsError(
        key: "POOLHUB_DB_DSN", fault: "is neither a libpq connection string nor a URI",
        mend: "set it like POOLHUB_DB_DSN=postgresql://poolhub@127.0.0.1/poolhub")
    }
    do {
      try redis(redisURL)
    } catch {
      throw SettingsError(
        key: "POOLHUB_REDIS_URL", fault: "cannot be used: \(error)",
        mend: "set it like POOLHUB_REDIS_URL=redis://127.0.0.1:6379/0")
    }
  }

  package init(_ reader: SettingsReader) throws(SettingsError) {
    databaseDSN = try reader.required(
      "POOLHUB_DB_DSN", mend: "set it like POOLHUB_DB_DSN=postgresql://poolhub@127.0.0.1/poolhub",
      isSecret: true)
    redisURL = try reader.required(
      "POOLHUB_REDIS_URL", mend: "set it like POOLHUB_REDIS_URL=redis://127.0.0.1:6379/0",
      isSecret: true)
    if redisURL.hasPrefix("rediss://") {
      throw SettingsError(
        key: "POOLHUB_REDIS_URL", fault: "asks for TLS, which Debian's hiredis doesn't speak",
        mend: "let stunnel speak it, as README.md shows, and name stunnel's address with redis://")
    }
    guard redisURL.hasPrefix("redis://") || redisURL.hasPrefix("unix://") else {
      throw SettingsError(
        key: "POOLHUB_REDIS_URL", fault: "is not a redis:// or unix:// address",
        mend: "set it like POOLHUB_REDIS_URL=redis://127.0.0.1:6379/0")
    }
    databaseConnectionCount = try reader.integer("POOLHUB_DB_CONNECTIONS", default: 4, in: 1...256)
    redisPrefix = reader.text("POOLHUB_REDIS_PREFIX") ?? "poolhub"
    guard redisPrefix.allSatisfy({ $0.isLetter || $0.isNumber || $0 == "-" || $0 == "_" }) else {
      throw SettingsError(
        key: "POOLHUB_REDIS_PREFIX", fault: "holds more than letters, digits, - and _",
        mend: "set it like POOLHUB_REDIS_PREFIX=poolhub")
    }
    streamEntryLimit = try reader.integer(
      "POOLHUB_STREAM_MAX_ENTRIES", default: 20_000, in: 100...10_000_000)
    leaseSeconds = try reader.integer("POOLHUB_LEASE_TTL_SEC", default: 60, in: 1...86_400)
    heartbeatGraceSeconds = try reader.integer(
      "POOLHUB_HEARTBEAT_GRACE_SEC", default: 120, in: 0...86_400)
    registryTrustSeconds = try reader.integer(
      "POOLHUB_REGISTRY_TRUST_SEC", default: 300, in: 0...86_400)
    logLevel = try reader.logLevel("POOLHUB_LOG_LEVEL", default: .info)
    logFormat = try reader.choice("POOLHUB_LOG_FORMAT", default: LogFormat.text)
  }
}

extension SettingsReader {
  func logLevel(
    _ key: String, default fallback: Logger.Level
  ) throws(SettingsError) -> Logger.Level {
    guard let text = text(key) else { return fallback }
    guard let level = Logger.Level(rawValue: text.lowercased()) else {
      let known = Logger.Level.allCases.map(\.rawValue).joined(separator: ", ")
      throw SettingsError(
        key: key, fault: "is not one of \(known)", mend: "set it like \(key)=info")
    }
    return level
  }

  /// A ZeroMQ address: tcp://host:port or ipc://path.
  func endpoint(_ text: String, key: String) throws(SettingsError) -> String {
    func fault(_ fault: String) -> SettingsError {
      SettingsError(key: key, fault: fault, mend: "set it like \(key)=tcp://127.0.0.1:8204")
    }
    if text.hasPrefix("ipc://"), text.utf8.count > 6 { return text }
    guard text.hasPrefix("tcp://") else { throw fault("is not a tcp:// or ipc:// address") }
    let address = text.dropFirst("tcp://".count)
    guard let colon = address.lastIndex(of: ":"), colon > address.startIndex else {
      throw fault("lacks a host or a port")
    }
    let host = address[..<colon]
    let port = address[address.index(after: colon)...]
    guard port == "*" || Int(port).map({ (0...65_535).contains($0) }) == true else {
      throw fault("has a port that is no number from 0 to 65535")
    }
    if host.contains(":") && !(host.hasPrefix("[") && host.hasSuffix("]")) {
      throw fault("has an IPv6 address without its brackets, as in tcp://[::1]:8204")
    }
    return text
  }
}
