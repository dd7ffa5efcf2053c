import Domain
import Redis
import Testing

@Suite("Redis: gateways that announce themselves")
struct RedisGatewayTests {
  private let one = GatewayAnnouncement(
    gatewayID: "gateway 1", instance: .max, endpoint: "tcp://10.0.0.1:8204")
  private let two = GatewayAnnouncement(gatewayID: "two", instance: 7, endpoint: "")

  @Test("they are found until they withdraw or say nothing any more")
  func comeAndGo() async throws {
    try await withRedis { redis in
      let store = RedisGatewayStore(client: redis.client, keys: redis.keys)
      #expect(try await store.announced() == [])
      try await store.announce(one, forMilliseconds: 60_000)
      try await store.announce(two, forMilliseconds: 60_000)
      try await store.announce(two, forMilliseconds: 60_000)
      #expect(Set(try await store.announced()) == [one, two])
      try await store.withdraw(one)
      #expect(try await store.announced() == [two])
      try await store.announce(one, forMilliseconds: 30)
      try await eventually("its time is over") { try await store.announced() == [two] }
      // The shorter time of one ends nobody else's.
      try await store.announce(two, forMilliseconds: 60_000)
      let timeToLive = try await redis.run("PTTL", redis.keys.gateways).integer ?? 0
      #expect(timeToLive > 50_000)
    }
  }

  @Test("what others write there is left alone")
  func nonsense() async throws {
    try await withRedis { redis in
      let store = RedisGatewayStore(client: redis.client, keys: redis.keys)
      try await store.announce(one, forMilliseconds: 60_000)
      for text in ["", "x", "0 tcp://a:1 zero", "zz tcp://a:1 name", "1 tcp://a:1"] {
        _ = try await redis.run("ZADD", redis.keys.gateways, "9999999999999", text)
      }
      #expect(try await store.announced() == [one])
    }
  }
}
