import Domain
import Redis
import Testing

@Suite("Redis: live status and revocations")
struct RedisLiveStatusTests {
  @Test("merging inside Redis equals merging here, in any order", arguments: 1...6)
  func mergeEqualsDomain(seed: UInt64) async throws {
    try await withRedis { redis in
      var random = SeededRandom(seed: seed)
      let store = redis.liveStatus()
      var expected: [MinerID: StatusPatch] = [:]
      for _ in 0..<10 {
        // Few miners and many patches: most of them meet others, within a call and between calls.
        let patches = (0..<400).map { _ in
          (
            MinerID.numbered(.random(in: 0..<150, using: &random)),
            StatusPatch.random(using: &random)
          )
        }
        try await store.merge(patches)
        for (id, patch) in patches { expected[id] = expected[id]?.merged(with: patch) ?? patch }
      }
      #expect(try await store.statuses(of: Array(expected.keys)) == expected)
    }
  }

  @Test("more patches than one script call takes are split")
  func manyPatches() async throws {
    try await withRedis { redis in
      var random = SeededRandom(seed: 7)
      let store = redis.liveStatus()
      let count = RedisLiveStatusStore.patchesPerCall * 3 + 1
      let patches = (0..<count).map { (MinerID.numbered($0), StatusPatch.random(using: &random)) }
      #expect(store.mergeCommands(patches).count == 4)
      try await store.merge(patches)

      let held = try await store.statuses(of: patches.map(\.0))
      #expect(held == Dictionary(uniqueKeysWithValues: patches))
      #expect(try await store.statuses(of: [.numbered(-1)]).isEmpty)
    }
  }

  @Test("every shard expires, and scripts survive a flush of their cache")
  func expiry() async throws {
    try await withRedis { redis in
      let store = redis.liveStatus(timeToLiveSeconds: 300)
      let patch = StatusPatch(at: Timestamp(milliseconds: 1), leaseMilliseconds: 1)
      try await store.merge((0..<500).map { (.numbered($0), patch) })
      _ = try await redis.run("SCRIPT", "FLUSH")
      try await store.merge([(.numbered(0), patch)])
      for key in try await redis.run("KEYS", "*").elements ?? [] {
        let seconds = try await redis.run("TTL", key.text ?? "").integer ?? 0
        #expect((1...300).contains(seconds))
      }
    }
  }

  @Test("a sweep removes what is stale and spoilt, a bounded step at a time")
  func sweep() async throws {
    try await withRedis { redis in
      let store = redis.liveStatus()
      let now = Timestamp(milliseconds: 1_700_000_000_000)
      // A lease of 60 s and 120 s of grace: at -180 s it is still kept.
      for (number, age) in [0, 100_000, 180_000, 180_001, 900_000].enumerated() {
        try await store.merge(
          (0..<50).map {
            (
              .numbered(number * 50 + $0),
              StatusPatch(at: now.advanced(byMilliseconds: -Int64(age)), leaseMilliseconds: 60_000)
            )
          })
      }
      _ = try await redis.run("HSET", redis.keys.statusShards[0], "spoilt", "x")
      var place = RedisLiveStatusStore.SweepPlace()
      var removed = 0
      for _ in 0..<RedisKeys.statusShardCount {
        removed += try await store.sweep(
          now: now, olderThanMilliseconds: 120_000, from: &place)
      }
      #expect(removed == 101)
      #expect(place == RedisLiveStatusStore.SweepPlace())
      let left = try await store.statuses(of: (0..<250).map { .numbered($0) })
      #expect(Set(left.keys) == Set((0..<150).map { .numbered($0) }))
    }
  }

  @Test("a not-before time only grows, and goes when no token can be older")
  func revocations() async throws {
    try await withRedis { redis in
      let store = RedisRevocationStore(client: redis.client, keys: redis.keys, sessionSeconds: 60)
      try await store.revoke(.numbered(1), notBefore: Timestamp(milliseconds: 5_000))
      try await store.revoke(.numbered(1), notBefore: Timestamp(milliseconds: 4_000))
      try await store.revoke(.numbered(2), notBefore: Timestamp(milliseconds: 90_000))
      let all: [MinerID: Timestamp] = [
        .numbered(1): Timestamp(milliseconds: 5_000), .numbered(2): Timestamp(milliseconds: 90_000),
      ]
      #expect(try await store.loadAll() == all)
      #expect(try await store.sweep(now: Timestamp(milliseconds: 65_000)) == 0)
      #expect(try await store.sweep(now: Timestamp(milliseconds: 65_001)) == 1)
      #expect(try await store.loadAll() == all.filter { $0.key == .numbered(2) })
      let seconds = try await redis.run("TTL", redis.keys.revocations).integer
      #expect((1...60).contains(seconds ?? 0))
    }
  }

  @Test("shards are FNV-1a of the id: known values")
  func shards() throws {
    // FNV-1a (64 bit) of "a" is af63dc4c8601ec8c, of "foobar" 85944171f73967e8.
    #expect(RedisKeys.statusShardIndex(of: try #require(MinerID("a"))) == 0x8c % 64)
    #expect(RedisKeys.statusShardIndex(of: try #require(MinerID("foobar"))) == 0xe8 % 64)
  }
}
