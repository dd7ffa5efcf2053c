import Admission

/// How often callers may do what costs the hub most. Nil: as often as they like.
package struct LimitSettings: Sendable {
  /// POOLHUB_LIMIT_REGISTER_ADDRESS=20/s burst 200: registrations, by client address.
  package var registerAddress: RateQuota?
  /// POOLHUB_LIMIT_REGISTER_MINER=10/min burst 10: good registrations, by miner id.
  package var registerMiner: RateQuota?
  /// POOLHUB_LIMIT_HEARTBEAT=5/s burst 20: heartbeats, updates and renewals over HTTP, by miner.
  package var heartbeat: RateQuota?
  /// POOLHUB_LIMIT_MATCH=20000/s: by coordinator.
  package var match: RateQuota?
  /// POOLHUB_LIMIT_FEEDBACK=5000/s: by coordinator.
  package var feedback: RateQuota?
  /// POOLHUB_LIMIT_SIGN_IN=1/s burst 60: secrets and keys that aren't any, by client address.
  package var signIn: RateQuota?

  /// Every key of these, for who wants none of them.
  package static let keys = [
    "POOLHUB_LIMIT_REGISTER_ADDRESS", "POOLHUB_LIMIT_REGISTER_MINER", "POOLHUB_LIMIT_HEARTBEAT",
    "POOLHUB_LIMIT_MATCH", "POOLHUB_LIMIT_FEEDBACK", "POOLHUB_LIMIT_SIGN_IN",
  ]

  init(_ reader: SettingsReader) throws(SettingsError) {
    registerAddress = try reader.quota("POOLHUB_LIMIT_REGISTER_ADDRESS", "20/s burst 200")
    registerMiner = try reader.quota("POOLHUB_LIMIT_REGISTER_MINER", "10/min burst 10")
    heartbeat = try reader.quota("POOLHUB_LIMIT_HEARTBEAT", "5/s burst 20")
    match = try reader.quota("POOLHUB_LIMIT_MATCH", "20000/s")
    feedback = try reader.quota("POOLHUB_LIMIT_FEEDBACK", "5000/s")
    signIn = try reader.quota("POOLHUB_LIMIT_SIGN_IN", "1/s burst 60")
  }
}

/// From where callers may come, and whose word counts for that. An empty list: from anywhere.
package struct AccessSettings: Sendable {
  /// POOLHUB_COORDINATOR_ALLOW, POOLHUB_OPERATOR_ALLOW and POOLHUB_METRICS_ALLOW: CIDR,CIDR,…
  package var coordinators: [AddressRange]
  package var operators: [AddressRange]
  package var metrics: [AddressRange]
  /// POOLHUB_TRUSTED_PROXIES=CIDR,… and POOLHUB_FORWARDED_HEADER=x-forwarded-for|forwarded|none.
  package var proxies: TrustedProxies
  /// POOLHUB_PROXY_PROTOCOL=off|on: connections from trusted proxies begin with its header.
  package var hasProxyProtocol: Bool

  private enum Switch: String, CaseIterable { case off, on }

  init(_ reader: SettingsReader) throws(SettingsError) {
    coordinators = try reader.ranges("POOLHUB_COORDINATOR_ALLOW")
    operators = try reader.ranges("POOLHUB_OPERATOR_ALLOW")
    metrics = try reader.ranges("POOLHUB_METRICS_ALLOW")
    proxies = TrustedProxies(
      ranges: try reader.ranges("POOLHUB_TRUSTED_PROXIES"),
      header: try reader.choice(
        "POOLHUB_FORWARDED_HEADER", default: TrustedProxies.Header.xForwardedFor))
    hasProxyProtocol =
      try reader.choice("POOLHUB_PROXY_PROTOCOL", default: Switch.off) == .on
    if hasProxyProtocol && proxies.ranges.isEmpty {
      throw SettingsError(
        key: "POOLHUB_PROXY_PROTOCOL", fault: "is on and no proxy is trusted",
        mend: "name the balancers' addresses in POOLHUB_TRUSTED_PROXIES")
    }
  }
}

extension SettingsReader {
  fileprivate func quota(_ key: String, _ fallback: String) throws(SettingsError) -> RateQuota? {
    let text = text(key) ?? fallback
    if text == "none" { return nil }
    guard let quota = RateQuota(text) else {
      throw SettingsError(
        key: key, fault: "is neither a rate like 10/s, 600/min or 100/h nor none",
        mend: "set it like \(key)=\(fallback)")
    }
    return quota
  }

  fileprivate func ranges(_ key: String) throws(SettingsError) -> [AddressRange] {
    var ranges: [AddressRange] = []
    for text in list(key) {
      do throws(AddressRange.Fault) {
        ranges.append(try AddressRange(text))
      } catch {
        throw SettingsError(error, key: key, text: text)
      }
    }
    return ranges
  }
}

extension SettingsError {
  fileprivate init(_ fault: AddressRange.Fault, key: String, text: String) {
    self =
      switch fault {
      case .malformed:
        SettingsError(
          key: key, fault: "holds \"\(text)\", which is no address or CIDR range",
          mend: "set it like \(key)=10.0.0.0/8,2001:db8::/32")
      case .hostBits(let instead):
        SettingsError(
          key: key, fault: "holds \"\(text)\", which has bits behind its prefix",
          mend: "write \(instead), or the address alone")
      }
  }
}
