import Settings
import Testing

@Suite("Settings: faults")
struct FaultTests {
  enum Process: Sendable { case gateway, scorer }

  /// - Returns: the error, having looked at its shape.
  static func fault(_ process: Process, _ changes: [String: String?]) throws -> SettingsError {
    let error = #expect(throws: SettingsError.self) {
      switch process {
      case .gateway: _ = try Environment.gatewaySettings(changes)
      case .scorer: _ = try Environment.scorerSettings(changes)
      }
    }
    let found = try #require(error)
    #expect(found.description.hasPrefix(found.key + " "))
    #expect(!found.fault.isEmpty && !found.mend.isEmpty)
    #expect(!found.description.contains("\n"), "one line")
    return found
  }

  @Test(
    "a bad value stops the start and names its key",
    arguments: [
      ("POOLHUB_REDIS_URL", ["http://x", "127.0.0.1:6379", "redis:/x", "rediss://x"]),
      ("POOLHUB_DB_CONNECTIONS", ["0", "257", "-1", "four", "4.0", "99999999999999999999"]),
      ("POOLHUB_REDIS_PREFIX", ["a:b", "a b", "{a}", "a*"]),
      ("POOLHUB_STREAM_MAX_ENTRIES", ["99", "10000001", "many"]),
      ("POOLHUB_LEASE_TTL_SEC", ["0", "86401", "soon", "60s"]),
      ("POOLHUB_HEARTBEAT_GRACE_SEC", ["-1", "86401", "x"]),
      ("POOLHUB_REGISTRY_TRUST_SEC", ["-1", "86401", "x"]),
      ("POOLHUB_LOG_LEVEL", ["loud", "1", "warn"]),
      ("POOLHUB_LOG_FORMAT", ["xml", "JSONL"]),
    ])
  func common(key: String, values: [String]) throws {
    for value in values {
      #expect(try Self.fault(.gateway, [key: value]).key == key, "\(value)")
      #expect(try Self.fault(.scorer, [key: value]).key == key, "\(value)")
    }
  }

  @Test(
    "a bad value of a gateway stops its start and names its key",
    arguments: [
      ("POOLHUB_PORT", ["-1", "65536", "http", "8203.0"]),
      ("POOLHUB_REGISTRATION", ["closed", "true"]),
      ("POOLHUB_SESSION_TTL_SEC", ["0", "2592001", "1h"]),
      ("POOLHUB_OFFERS", ["none", "1"]),
      ("POOLHUB_OFFER_TTL_SEC", ["0", "31536001", "x"]),
      ("POOLHUB_OFFER_KEYS", ["k1:c2hvcnQ=", "k1", ","]),
      ("POOLHUB_HEARTBEATS_PER_SEC", ["0", "10000001", "x"]),
      ("POOLHUB_HEARTBEAT_FLUSH_MS", ["0", "1001", "x"]),
      ("POOLHUB_SCORER_BIND", ["nowhere", "http://x", "tcp://", "ipc://", "127.0.0.1:8204"]),
      ("POOLHUB_SCORER_ADVERTISE", ["nowhere", "tcp://*:8204", "tcp://0.0.0.0:1", "tcp://[::]:1"]),
      ("POOLHUB_HEDGE_MS", ["-1", "10001", "x"]),
      ("POOLHUB_SCORER_IN_FLIGHT", ["0", "65537", "x"]),
      ("POOLHUB_SCORER_QUEUE", ["0", "1000001", "x"]),
    ])
  func gateway(key: String, values: [String]) throws {
    for value in values {
      #expect(try Self.fault(.gateway, [key: value]).key == key, "\(value)")
    }
  }

  @Test(
    "a bad value of a scorer stops its start and names its key",
    arguments: [
      ("POOLHUB_SCORER_ID", [String(repeating: "s", count: 129)]),
      ("POOLHUB_GATEWAYS", ["nowhere", "tcp://a:1,http://b", "tcp://"]),
      (
        "POOLHUB_DEFAULT_WEIGHTS",
        [
          "cap:-1", "cap:nan", "cap:inf", "cap:x", "cap", "cap:", ":1", "speed:1", "cap:1,,speed:1",
          "cap:0,price:0,latency:0,trust:0,load:0", "Cap:1", "cap=1", "cap:1:2",
        ]
      ),
      ("POOLHUB_TRUST_HALF_LIFE_DAYS", ["0", "-1", "36501", "nan", "inf", "x"]),
      ("POOLHUB_TRUST_PRIOR", ["0", "-1", "1000001", "nan"]),
      ("POOLHUB_TRUST_PAIR_CAP", ["-1", "1000001", "x"]),
      ("POOLHUB_TRUST_WEIGHTS", ["completed:-1", "accepted:1", "failed", "failed:x"]),
      ("POOLHUB_TRUST_UNPROVEN", ["-0.1", "1.1", "nan", "refused"]),
      ("POOLHUB_TRUST_PAIR_DAY", ["good:-1", "both:1", "5"]),
      ("POOLHUB_TRUST_COORDINATOR_DAY", ["-1", "1000000001", "x"]),
      ("POOLHUB_MIN_TRUST", ["-0.1", "1.1", "x"]),
      ("POOLHUB_EXPLORATION_SHARE", ["-0.1", "1.1", "2%"]),
      ("POOLHUB_STREAM_DELAY_MS", ["-1", "60001", "x"]),
      ("POOLHUB_SPREAD_MS", ["-1", "60001", "x"]),
      ("POOLHUB_AUDIT_SHARE", ["-0.1", "1.1", "nan", "1%"]),
    ])
  func scorer(key: String, values: [String]) throws {
    for value in values {
      #expect(try Self.fault(.scorer, [key: value]).key == key, "\(value)")
    }
  }

  @Test(
    "what is required and missing or blank is named, with a way to mend it",
    arguments: [
      "POOLHUB_DB_DSN", "POOLHUB_REDIS_URL", "POOLHUB_COORDINATOR_SECRETS", "POOLHUB_ADMIN_SECRET",
      "POOLHUB_SESSION_SIGNING_KEYS",
    ])
  func missing(key: String) throws {
    for value in [nil, "", "   "] as [String?] {
      let error = try Self.fault(.gateway, [key: value])
      #expect(error.key == key)
      #expect(error.fault == "is missing")
      #expect(error.mend.contains("set it"))
    }
  }

  @Test("a scorer needs neither secrets nor keys")
  func scorerNeeds() throws {
    _ = try Environment.scorerSettings()
    #expect(try Self.fault(.scorer, ["POOLHUB_DB_DSN": nil]).key == "POOLHUB_DB_DSN")
  }
}
