import Domain
import Foundation

/// A coordinator's name with one of its secrets.
package struct NamedSecret: Sendable {
  package var name: String
  package var secret: String
}

/// One of the keys that sign session tokens. The first in the list signs; all of them verify.
package struct SigningKey: Sendable {
  package var id: String
  /// At least 32 bytes.
  package var secret: [UInt8]

  package init(id: String, secret: [UInt8]) {
    self.id = id
    self.secret = secret
  }
}

/// Everything that a gateway is told at its start.
package struct GatewaySettings: Sendable {
  package enum Registration: String, CaseIterable, Sendable { case open, keyed }
  package enum OffersInFeedback: String, CaseIterable, Sendable { case optional, required }

  package var common: CommonSettings
  /// POOLHUB_GATEWAY_ID=gateway-PORT: names it to scorers and other gateways.
  package var gatewayID: String
  /// POOLHUB_BIND=127.0.0.1
  package var bindAddress: String
  /// POOLHUB_PORT=8203
  package var port: Int
  /// POOLHUB_COORDINATOR_SECRETS=name:secret,… or POOLHUB_COORDINATOR_SHARED_SECRET for just one.
  package var coordinators: [NamedSecret]
  /// POOLHUB_ADMIN_SECRET
  package var adminSecret: String
  /// POOLHUB_SESSION_SIGNING_KEYS=id:base64,…
  package var signingKeys: [SigningKey]
  /// POOLHUB_OFFER_KEYS=id:base64,…: the first makes candidates' offers, all check them; without it those
  /// that sign session tokens.
  package var offerKeys: [SigningKey]
  /// POOLHUB_OFFER_TTL_SEC=86400: how long after a match its offers can be sent back.
  package var offerSeconds: Int
  /// POOLHUB_OFFERS=optional|required: whether feedback without one is refused.
  package var offers: OffersInFeedback
  /// POOLHUB_REGISTRATION=open|keyed
  package var registration: Registration
  /// POOLHUB_SERVICES_FILE: types of service beside the built-in ones; nil: none.
  package var servicesFile: String?
  /// POOLHUB_SESSION_TTL_SEC=3600
  package var sessionSeconds: Int
  /// POOLHUB_HEARTBEATS_PER_SEC=20000: beyond this the fleet is told to speak less often.
  package var heartbeatsPerSecond: Int
  /// POOLHUB_HEARTBEAT_FLUSH_MS=20: how long heartbeats are gathered before they are written.
  package var heartbeatFlushMilliseconds: Int
  /// POOLHUB_WEBSOCKET_LIMIT=0: miners' connections at once; 0: as many as open files allow.
  package var webSocketLimit: Int
  /// POOLHUB_WEBSOCKET_PING_SEC=25: a miner that said nothing for so long is pinged.
  package var webSocketPingSeconds: Int
  /// POOLHUB_WEBSOCKET_FRAMES_PER_SEC=20: a miner that sends more is cut off.
  package var webSocketFramesPerSecond: Int
  /// POOLHUB_WEBSOCKET_OPENS_PER_SEC=2000: beyond this miners are told to come a little later.
  package var webSocketOpensPerSecond: Int
  /// POOLHUB_HTTP_CONNECTION_LIMIT=0: connections over HTTP at once; 0: by the limit on open files.
  package var httpConnectionLimit: Int
  /// POOLHUB_REQUEST_TIMEOUT_SEC=30: from a request's first head to its body's end.
  package var requestTimeoutSeconds: Int
  /// POOLHUB_STATUS_ARCHIVE_PER_SEC=2000: last known statuses brought to PostgreSQL; 0: none.
  package var statusArchivePerSecond: Int
  /// POOLHUB_SCORER_BIND=tcp://127.0.0.1:8204
  package var scorerBind: String
  /// POOLHUB_CURVE_SECRET_KEY and POOLHUB_CURVE_SCORER_KEYS; nil: links to scorers are plain.
  package var curve: CurveSettings?
  /// POOLHUB_SCORER_ADVERTISE: where scorers that look for gateways find this one; nil: where it is bound,
  /// if that is one address; empty (`none`): they have to be told.
  package var scorerAdvertise: String?
  /// POOLHUB_SCORER_IN_FLIGHT=1024: matches that one scorer may be working on, and as much feedback.
  package var inFlightLimit: Int
  /// POOLHUB_SCORER_QUEUE=4096: matches that may wait for a scorer, and as much feedback.
  package var queueLimit: Int
  /// POOLHUB_HEDGE_MS=0: a match without an answer for so long is asked of a second scorer; 0: never.
  package var hedgeMilliseconds: Int
  /// POOLHUB_MATCH_HISTORY_DAYS=7: for how long answered matches are kept; 0: not at all.
  package var matchHistoryDays: Int
  /// POOLHUB_MATCH_HISTORY_PER_SEC=1000: how many of them each gateway keeps.
  package var matchHistoryPerSecond: Int
  /// POOLHUB_MATCH_HISTORY_PER_DAY=500000: and how many in a day.
  package var matchHistoryPerDay: Int

  package var limits: LimitSettings
  package var access: AccessSettings
  /// Nil: plain HTTP.
  package var tls: TLSSettings?

  package init(_ reader: SettingsReader) throws(SettingsError) {
    limits = try LimitSettings(reader)
    access = try AccessSettings(reader)
    tls = try TLSSettings.read(reader)
    common = try CommonSettings(reader)
    bindAddress = reader.bareAddress("POOLHUB_BIND") ?? "127.0.0.1"
    port = try reader.integer("POOLHUB_PORT", default: 8203, in: 0...65_535)
    gatewayID = reader.text("POOLHUB_GATEWAY_ID") ?? "gateway-\(port)"
    coordinators = try reader.coordinators()
    adminSecret = try reader.secret("POOLHUB_ADMIN_SECRET")
    signingKeys = try reader.signingKeys("POOLHUB_SESSION_SIGNING_KEYS")
    offerKeys =
      reader.text("POOLHUB_OFFER_KEYS", isSecret: true) == nil
      ? signingKeys : try reader.signingKeys("POOLHUB_OFFER_KEYS")
    offerSeconds = try reader.integer(
      "POOLHUB_OFFER_TTL_SEC", default: 86_400, in: 1...31_536_000)
    offers = try reader.choice("POOLHUB_OFFERS", default: OffersInFeedback.optional)
    registration = try reader.choice("POOLHUB_REGISTRATION", default: Registration.open)
    servicesFile = reader.text("POOLHUB_SERVICES_FILE")
    sessionSeconds = try reader.integer(
      "POOLHUB_SESSION_TTL_SEC", default: 3_600, in: 1...2_592_000)
    heartbeatsPerSecond = try reader.integer(
      "POOLHUB_HEARTBEATS_PER_SEC", default: 20_000, in: 1...10_000_000)
    heartbeatFlushMilliseconds = try reader.integer(
      "POOLHUB_HEARTBEAT_FLUSH_MS", default: 20, in: 1...1_000)
    webSocketLimit = try reader.integer(
      "POOLHUB_WEBSOCKET_LIMIT", default: 0, in: 0...10_000_000)
    webSocketPingSeconds = try reader.integer(
      "POOLHUB_WEBSOCKET_PING_SEC", default: 25, in: 1...3_600)
    webSocketFramesPerSecond = try reader.integer(
      "POOLHUB_WEBSOCKET_FRAMES_PER_SEC", default: 20, in: 1...1_000_000)
    webSocketOpensPerSecond = try reader.integer(
      "POOLHUB_WEBSOCKET_OPENS_PER_SEC", default: 2_000, in: 1...1_000_000)
    httpConnectionLimit = try reader.integer(
      "POOLHUB_HTTP_CONNECTION_LIMIT", default: 0, in: 0...1_000_000)
    requestTimeoutSeconds = try reader.integer(
      "POOLHUB_REQUEST_TIMEOUT_SEC", default: 30, in: 1...3_600)
    statusArchivePerSecond = try reader.integer(
      "POOLHUB_STATUS_ARCHIVE_PER_SEC", default: 2_000, in: 0...1_000_000)
    scorerBind = try reader.endpoint(
      reader.text("POOLHUB_SCORER_BIND") ?? "tcp://127.0.0.1:8204", key: "POOLHUB_SCORER_BIND")
    curve = try CurveSettings(reader, peers: "POOLHUB_CURVE_SCORER_KEYS")
    scorerAdvertise = try reader.advertised("POOLHUB_SCORER_ADVERTISE")
    inFlightLimit = try reader.integer("POOLHUB_SCORER_IN_FLIGHT", default: 1_024, in: 1...65_536)
    queueLimit = try reader.integer("POOLHUB_SCORER_QUEUE", default: 4_096, in: 1...1_000_000)
    hedgeMilliseconds = try reader.integer("POOLHUB_HEDGE_MS", default: 0, in: 0...10_000)
    matchHistoryDays = try reader.integer("POOLHUB_MATCH_HISTORY_DAYS", default: 7, in: 0...3_650)
    matchHistoryPerSecond = try reader.integer(
      "POOLHUB_MATCH_HISTORY_PER_SEC", default: 1_000, in: 1...1_000_000)
    matchHistoryPerDay = try reader.integer(
      "POOLHUB_MATCH_HISTORY_PER_DAY", default: 500_000, in: 1...10_000_000_000)
  }
}

/// Where a gateway can be reached.
package enum GatewayAddress {
  /// Every address or any port of a host: to bind to, and no place to connect to.
  package static func isWildcard(_ endpoint: String) -> Bool {
    guard endpoint.hasPrefix("tcp://"), let colon = endpoint.lastIndex(of: ":") else {
      return false
    }
    let host = endpoint[..<colon].dropFirst("tcp://".count)
    let port = endpoint[endpoint.index(after: colon)...]
    return ["*", "0.0.0.0", "[::]", "::", ""].contains(String(host)) || ["*", "0"].contains(port)
  }
}

extension SettingsReader {
  static let secretByteCount = 8...512

  /// An address to listen on; of `[::1]` what stands in the brackets.
  fileprivate func bareAddress(_ key: String) -> String? {
    guard let text = text(key), text.hasPrefix("["), text.hasSuffix("]") else { return text(key) }
    return String(text.dropFirst().dropLast())
  }

  fileprivate func secret(_ key: String) throws(SettingsError) -> String {
    let mend = "set it to at least 16 random characters, like the output of `openssl rand -hex 24`"
    let value = try required(key, mend: mend, isSecret: true)
    guard Self.secretByteCount.contains(value.utf8.count) else {
      throw SettingsError(key: key, fault: "is not 8 to 512 bytes long", mend: mend)
    }
    return value
  }

  fileprivate func advertised(_ key: String) throws(SettingsError) -> String? {
    guard let text = text(key) else { return nil }
    if text == "none" { return "" }
    let endpoint = try endpoint(text, key: key)
    guard !endpoint.contains(" "), endpoint.utf8.count <= 512, !GatewayAddress.isWildcard(endpoint)
    else {
      throw SettingsError(
        key: key, fault: "is no address that a scorer can connect to",
        mend: "set it like \(key)=tcp://10.0.0.5:8204")
    }
    return endpoint
  }

  fileprivate func coordinators() throws(SettingsError) -> [NamedSecret] {
    let key = "POOLHUB_COORDINATOR_SECRETS"
    var secrets: [NamedSecret] = []
    let mend = "set it like \(key)=main:SECRET with a secret of 8 to 512 bytes"
    let entries = (text(key, isSecret: true) ?? "").split(separator: ",")
    for entry in entries {
      let parts = entry.split(separator: ":", maxSplits: 1).map {
        $0.trimmingCharacters(in: .whitespaces)
      }
      guard parts.count == 2, (1...Limits.nameBytes).contains(parts[0].utf8.count),
        parts[0].utf8.allSatisfy({ (0x21...0x7E).contains($0) }),
        Self.secretByteCount.contains(parts[1].utf8.count)
      else {
        throw SettingsError(key: key, fault: "has an entry that is not name:secret", mend: mend)
      }
      secrets.append(NamedSecret(name: parts[0], secret: parts[1]))
    }
    if text("POOLHUB_COORDINATOR_SHARED_SECRET", isSecret: true) != nil {
      secrets.append(
        NamedSecret(name: "default", secret: try secret("POOLHUB_COORDINATOR_SHARED_SECRET")))
    }
    if secrets.isEmpty { throw SettingsError(key: key, fault: "is missing", mend: mend) }
    for (name, own) in Dictionary(grouping: secrets, by: \.name) where own.count > 2 {
      throw SettingsError(
        key: key, fault: "gives \(name) more than two secrets", mend: "keep the old and the new one"
      )
    }
    if Set(secrets.map(\.secret)).count < secrets.count {
      throw SettingsError(
        key: key, fault: "gives one secret twice",
        mend: "give every coordinator a secret of its own")
    }
    return secrets
  }

  fileprivate func signingKeys(_ key: String) throws(SettingsError) -> [SigningKey] {
    let mend = "set it like \(key)=k1:$(openssl rand -base64 32)"
    var keys: [SigningKey] = []
    for entry in try required(key, mend: mend, isSecret: true).split(separator: ",") {
      let parts = entry.split(separator: ":", maxSplits: 1).map {
        $0.trimmingCharacters(in: .whitespaces)
      }
      guard parts.count == 2, (1...16).contains(parts[0].utf8.count),
        parts[0].allSatisfy({ $0.isASCII && ($0.isLetter || $0.isNumber) }),
        let secret = Data(base64Encoded: parts[1])
      else {
        throw SettingsError(key: key, fault: "has an entry that is not id:base64", mend: mend)
      }
      guard secret.count >= 32 else {
        throw SettingsError(key: key, fault: "has a key of fewer than 32 bytes", mend: mend)
      }
      keys.append(SigningKey(id: parts[0], secret: Array(secret)))
    }
    // Commas alone are no value either.
    if keys.isEmpty { throw SettingsError(key: key, fault: "is missing", mend: mend) }
    if Set(keys.map(\.id)).count < keys.count {
      throw SettingsError(key: key, fault: "names one key id twice", mend: mend)
    }
    return keys
  }
}
