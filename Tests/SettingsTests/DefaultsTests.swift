import Foundation
import Settings
import Testing

@Suite("Settings: defaults and good values")
struct DefaultsTests {
  @Test("what nobody sets has the contract's default")
  func defaults() throws {
    let gateway = try Environment.gatewaySettings()
    #expect(gateway.bindAddress == "127.0.0.1")
    #expect(gateway.port == 8203)
    #expect(gateway.gatewayID == "gateway-8203")
    #expect(gateway.registration == .open)
    #expect(gateway.sessionSeconds == 3_600)
    #expect(gateway.offerKeys.map(\.secret) == gateway.signingKeys.map(\.secret))
    #expect(gateway.offerSeconds == 86_400)
    #expect(gateway.offers == .optional)
    #expect(gateway.heartbeatsPerSecond == 20_000)
    #expect(gateway.heartbeatFlushMilliseconds == 20)
    #expect(gateway.scorerBind == "tcp://127.0.0.1:8204")
    #expect(gateway.inFlightLimit == 1_024)
    #expect(gateway.queueLimit == 4_096)
    #expect(gateway.scorerAdvertise == nil)
    #expect(gateway.hedgeMilliseconds == 0)
    #expect(gateway.adminSecret == "operator-secret")

    let common = gateway.common
    #expect(common.databaseDSN == "dbname=poolhub")
    #expect(common.databaseConnectionCount == 4)
    #expect(common.redisURL == "redis://127.0.0.1:6379/0")
    #expect(common.redisPrefix == "poolhub")
    #expect(common.streamEntryLimit == 20_000)
    #expect(common.leaseSeconds == 60)
    #expect(common.heartbeatGraceSeconds == 120)
    #expect(common.registryTrustSeconds == 300)
    #expect(common.logLevel == .info)
    #expect(common.logFormat == .text)
    #expect(common.statusTimeToLiveSeconds == 60 + 120 + 300 + 3_600)

    let scorer = try Environment.scorerSettings()
    #expect(scorer.scorerID.hasPrefix("scorer-\(ProcessInfo.processInfo.processIdentifier)@"))
    #expect(scorer.gateways == ["tcp://127.0.0.1:8204"])
    #expect(scorer.weights == .standard)
    #expect(scorer.trustHalfLifeDays == 30)
    #expect(scorer.trustPrior == 2)
    #expect(scorer.trustPairCap == 20)
    #expect(scorer.trustWeights == (1, 1, 0.25))
    #expect(scorer.trustUnproven == 0.25)
    #expect(scorer.trustPairDay == (5, 20))
    #expect(scorer.trustCoordinatorDay == 10_000)
    #expect(scorer.minTrust == 0)
    #expect(scorer.explorationShare == 0)
    #expect(scorer.streamDelayMilliseconds == 0)
    #expect(scorer.auditShare == 0)
  }

  @Test("what a gateway is told, it takes")
  func gateway() throws {
    let settings = try Environment.gatewaySettings([
      "POOLHUB_BIND": "::1", "POOLHUB_PORT": "0", "POOLHUB_GATEWAY_ID": "west",
      "POOLHUB_REGISTRATION": "Keyed", "POOLHUB_SESSION_TTL_SEC": "1",
      "POOLHUB_HEARTBEATS_PER_SEC": "10000000", "POOLHUB_HEARTBEAT_FLUSH_MS": "1000",
      "POOLHUB_SCORER_BIND": "ipc:///run/poolhub", "POOLHUB_SCORER_IN_FLIGHT": "65536",
      "POOLHUB_SCORER_QUEUE": "1", "POOLHUB_SCORER_ADVERTISE": "tcp://10.0.0.5:8204",
      "POOLHUB_HEDGE_MS": "40", "POOLHUB_OFFERS": "Required", "POOLHUB_OFFER_TTL_SEC": "60",
      "POOLHUB_OFFER_KEYS": "o2:YWJjZGVmZ2hpamtsbW5vcHFyc3R1dnd4eXowMTIzNDU2Nzg5,"
        + "o1:MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=",
    ])
    #expect(settings.offers == .required)
    #expect(settings.offerSeconds == 60)
    #expect(settings.offerKeys.map(\.id) == ["o2", "o1"])
    #expect(settings.scorerAdvertise == "tcp://10.0.0.5:8204")
    #expect(settings.hedgeMilliseconds == 40)
    let silent = try Environment.gatewaySettings(["POOLHUB_SCORER_ADVERTISE": "none"])
    #expect(silent.scorerAdvertise == "")
    #expect(settings.bindAddress == "::1")
    #expect(settings.port == 0)
    #expect(settings.gatewayID == "west")
    #expect(settings.registration == .keyed)
    #expect(settings.sessionSeconds == 1)
    #expect(settings.heartbeatsPerSecond == 10_000_000)
    #expect(settings.heartbeatFlushMilliseconds == 1_000)
    #expect(settings.scorerBind == "ipc:///run/poolhub")
    #expect(settings.inFlightLimit == 65_536)
    #expect(settings.queueLimit == 1)
  }

  @Test("what both are told, they take")
  func common() throws {
    let settings = try Environment.scorerSettings([
      "POOLHUB_DB_DSN": "postgresql://poolhub:pass@db/hub", "POOLHUB_DB_CONNECTIONS": "256",
      "POOLHUB_REDIS_URL": "unix:///run/redis.sock", "POOLHUB_REDIS_PREFIX": "hub-2_b",
      "POOLHUB_STREAM_MAX_ENTRIES": "100", "POOLHUB_LEASE_TTL_SEC": "86400",
      "POOLHUB_HEARTBEAT_GRACE_SEC": "0", "POOLHUB_REGISTRY_TRUST_SEC": "0",
      "POOLHUB_LOG_LEVEL": "DEBUG", "POOLHUB_LOG_FORMAT": "json",
    ]).common
    #expect(settings.databaseDSN == "postgresql://poolhub:pass@db/hub")
    #expect(settings.databaseConnectionCount == 256)
    #expect(settings.redisURL == "unix:///run/redis.sock")
    #expect(settings.redisPrefix == "hub-2_b")
    #expect(settings.streamEntryLimit == 100)
    #expect(settings.leaseSeconds == 86_400)
    #expect(settings.heartbeatGraceSeconds == 0)
    #expect(settings.registryTrustSeconds == 0)
    #expect(settings.logLevel == .debug)
    #expect(settings.logFormat == .json)
  }

  @Test(
    "addresses of a whole host can be bound to, not connected to",
    arguments: [
      ("tcp://127.0.0.1:8204", false), ("tcp://[::1]:8204", false), ("ipc:///run/hub", false),
      ("tcp://gateway.example:1", false), ("tcp://*:8204", true), ("tcp://0.0.0.0:8204", true),
      ("tcp://[::]:8204", true), ("tcp://127.0.0.1:*", true),
    ])
  func wildcard(endpoint: String, isWildcard: Bool) {
    #expect(GatewayAddress.isWildcard(endpoint) == isWildcard)
  }

  @Test("what a scorer is told, it takes")
  func scorer() throws {
    let settings = try Environment.scorerSettings([
      "POOLHUB_SCORER_ID": "east-1", "POOLHUB_GATEWAYS": " tcp://a:1, ipc:///b ,,tcp://c:2 ",
      "POOLHUB_DEFAULT_WEIGHTS": "cap:1,price:2,latency:3,trust:4,load:5",
      "POOLHUB_TRUST_HALF_LIFE_DAYS": "0.5", "POOLHUB_TRUST_PRIOR": "1e3",
      "POOLHUB_TRUST_PAIR_CAP": "0", "POOLHUB_TRUST_WEIGHTS": "rejected:0, failed:2.5",
      "POOLHUB_STREAM_DELAY_MS": "500", "POOLHUB_AUDIT_SHARE": "0.25",
      "POOLHUB_SPREAD_MS": "750",
      "POOLHUB_TRUST_UNPROVEN": "0", "POOLHUB_TRUST_PAIR_DAY": "good:1.5",
      "POOLHUB_TRUST_COORDINATOR_DAY": "100", "POOLHUB_MIN_TRUST": "0.3",
      "POOLHUB_EXPLORATION_SHARE": "0.02",
    ])
    #expect(settings.trustUnproven == 0)
    #expect(settings.trustPairDay == (1.5, 20))
    #expect(settings.trustCoordinatorDay == 100)
    #expect(settings.minTrust == 0.3)
    #expect(settings.explorationShare == 0.02)
    #expect(settings.scorerID == "east-1")
    #expect(settings.gateways == ["tcp://a:1", "ipc:///b", "tcp://c:2"])
    #expect(settings.weights.cap == 1 && settings.weights.load == 5)
    #expect(settings.weights.sum == 15)
    #expect(settings.trustHalfLifeDays == 0.5)
    #expect(settings.trustPrior == 1_000)
    #expect(settings.trustPairCap == 0)
    #expect(settings.trustWeights == (1, 2.5, 0))
    #expect(settings.streamDelayMilliseconds == 500)
    #expect(settings.spreadMilliseconds == 750)
    #expect(settings.auditShare == 0.25)
  }

  @Test("a value may stand in double quotes, as in .env files")
  func quoted() throws {
    let settings = try Environment.scorerSettings([
      "POOLHUB_REDIS_URL": "\"redis://127.0.0.1:7/1\"", "POOLHUB_SCORER_ID": "\"\"",
    ])
    #expect(settings.common.redisURL == "redis://127.0.0.1:7/1")
    #expect(settings.scorerID.hasPrefix("scorer-"))
  }

  @Test("weights that are left out keep their default, and one part may be all")
  func partialWeights() throws {
    let some = try Environment.scorerSettings(["POOLHUB_DEFAULT_WEIGHTS": "cap:0,load:1"]).weights
    #expect(some.cap == 0 && some.price == 0.2 && some.trust == 0.15 && some.load == 1)
    let one = try Environment.scorerSettings([
      "POOLHUB_DEFAULT_WEIGHTS": "cap:0,price:0,latency:0,trust:0.5,load:0"
    ]).weights
    #expect(one.sum == 0.5)
  }

  @Test("a value of blanks is as good as none, and blanks around one don't count")
  func blanks() throws {
    let settings = try Environment.gatewaySettings(["POOLHUB_PORT": "  ", "POOLHUB_BIND": " ::1\n"])
    #expect(settings.port == 8203)
    #expect(settings.bindAddress == "::1")
  }

  @Test("a gateway's name follows its port")
  func gatewayName() throws {
    #expect(try Environment.gatewaySettings(["POOLHUB_PORT": "9000"]).gatewayID == "gateway-9000")
  }
}
