import Admission
import Settings
import Testing

@Suite("Settings: limits, addresses and TLS")
struct AccessTests {
  @Test("what nobody sets bounds what costs most, and opens everything to every address")
  func defaults() throws {
    let settings = try Environment.gatewaySettings()
    #expect(settings.limits.match == RateQuota("20000/s"))
    #expect(settings.limits.registerMiner == RateQuota("10/min burst 10"))
    #expect(settings.access.operators.isEmpty && settings.access.proxies.ranges.isEmpty)
    #expect(settings.access.proxies.header == .xForwardedFor && !settings.access.hasProxyProtocol)
    #expect(settings.tls == nil)
  }

  @Test("what a gateway is told, it takes")
  func given() throws {
    let settings = try Environment.gatewaySettings([
      "POOLHUB_LIMIT_MATCH": "none", "POOLHUB_LIMIT_SIGN_IN": "100/h burst 7",
      "POOLHUB_OPERATOR_ALLOW": "10.0.0.0/8, ::1", "POOLHUB_TRUSTED_PROXIES": "fd00::/8",
      "POOLHUB_FORWARDED_HEADER": "forwarded", "POOLHUB_PROXY_PROTOCOL": "on",
      "POOLHUB_TLS_CERTIFICATE": "c", "POOLHUB_TLS_KEY": "k", "POOLHUB_TLS_CLIENT_CA": "a",
      "POOLHUB_TLS_CLIENTS": "required",
    ])
    #expect(settings.limits.match == nil)
    #expect(settings.limits.signIn == RateQuota(count: 100, windowSeconds: 3_600, burst: 7))
    #expect(settings.access.operators.map(\.description) == ["10.0.0.0/8", "::1/128"])
    #expect(settings.access.proxies.header == .forwarded && settings.access.hasProxyProtocol)
    #expect(settings.tls?.clients == .required && settings.tls?.clientCA == "a")
  }

  @Test("limits may be lifted all at once", arguments: LimitSettings.keys)
  func lifted(key: String) throws {
    let settings = try Environment.gatewaySettings([key: "none"])
    #expect(String(describing: settings.limits).contains("nil"))
  }

  @Test(
    "a fault names its setting, and how to mend it",
    arguments: [
      ("POOLHUB_LIMIT_MATCH", "10", "10/s"), ("POOLHUB_LIMIT_SIGN_IN", "fast", "600/min"),
      ("POOLHUB_COORDINATOR_ALLOW", "10.0.0.0/33", "\"10.0.0.0/33\", which is no address"),
      ("POOLHUB_OPERATOR_ALLOW", "::1,nowhere", "\"nowhere\""),
      ("POOLHUB_METRICS_ALLOW", "10.0.0.5/8", "write 10.0.0.0/8"),
      ("POOLHUB_TRUSTED_PROXIES", "10.0.0.1:80", "which is no address"),
      ("POOLHUB_FORWARDED_HEADER", "both", "is not one of"),
      ("POOLHUB_PROXY_PROTOCOL", "on", "POOLHUB_TRUSTED_PROXIES"),
      ("POOLHUB_TLS_CERTIFICATE", "c", "POOLHUB_TLS_KEY"),
      ("POOLHUB_TLS_CLIENTS", "some", "optional, required"),
    ])
  func faults(key: String, value: String, said: String) {
    do {
      _ = try Environment.gatewaySettings([key: value])
      Issue.record("taken: \(key)=\(value)")
    } catch let error as SettingsError {
      #expect("\(error)".contains(key) && "\(error)".contains(said), "\(error)")
    } catch {
      Issue.record(error)
    }
  }
}
