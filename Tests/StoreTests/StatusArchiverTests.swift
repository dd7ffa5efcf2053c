import Changes
import Domain
import Postgres
import Redis
import Testing

@Suite("Last known statuses")
struct StatusArchiverTests {
  private struct Stores {
    var redis: RedisUnderTest
    var live: RedisLiveStatusStore
    var kept: PostgresStatusStore

    func archiver(_ name: String) -> StatusArchiver {
      StatusArchiver(
        live: live, store: kept, name: name, options: StatusArchiver.Options(perSecond: 100_000),
        logger: silentLogger)
    }

    /// Steps through everything once.
    func archiveAll(_ archiver: StatusArchiver) async throws {
      let start = RedisLiveStatusStore.SweepPlace()
      var place = start
      repeat { _ = try await archiver.step(from: &place) } while place != start
    }
  }

  private func withStores(
    miners count: Int, _ body: (Stores, [MinerID]) async throws -> Void
  ) async throws {
    try await withRedis { redis in
      try await PostgresTestServer.withFreshPool { pool in
        let miners = PostgresMinerStore(pool: pool)
        let ids = (0..<count).map { MinerID.numbered($0) }
        for (number, id) in ids.enumerated() {
          _ = try await miners.register(
            id: id, keyHash: SampleMiners.keyHash(UInt8(number)), now: .distantPast,
            update: { _ in },
            encode: { _ in [] })
        }
        try await body(
          Stores(redis: redis, live: redis.liveStatus(), kept: PostgresStatusStore(pool: pool)),
          ids)
      }
    }
  }

  @Test("what is live is written down as it was said, and what is newer later")
  func writes() async throws {
    try await withStores(miners: 60) { stores, ids in
      var random = SeededRandom(seed: 5)
      var patches: [MinerID: StatusPatch] = [:]
      for id in ids { patches[id] = .random(using: &random) }
      try await stores.live.merge(patches.map { ($0.key, $0.value) })
      let archiver = stores.archiver("gateway-1")
      try await stores.archiveAll(archiver)
      #expect(try await stores.kept.statuses(of: ids) == patches)
      #expect(archiver.written == 60)

      var newer = StatusPatch(
        at: Timestamp(milliseconds: 1_800_000_000_000), leaseMilliseconds: 60_000)
      newer.queueLength = 3
      newer.busy = true
      try await stores.live.merge([(ids[7], newer)])
      patches[ids[7]] = patches[ids[7]]?.merged(with: newer)
      try await stores.archiveAll(archiver)
      #expect(try await stores.kept.statuses(of: ids) == patches)
      // What hadn't changed wasn't written again.
      #expect(archiver.written == 61)
    }
  }

  @Test("what stands there is never replaced by something older, and strangers are left out")
  func older() async throws {
    try await withStores(miners: 2) { stores, ids in
      var late = StatusPatch(at: Timestamp(milliseconds: 2_000), leaseMilliseconds: 5)
      late.queueLength = 9
      let early = StatusPatch(at: Timestamp(milliseconds: 1_000), leaseMilliseconds: 5)
      let stranger = MinerID.numbered(77)
      let first = try await stores.kept.store([(ids[0], late), (stranger, late)])
      #expect(first == 1)
      let second = try await stores.kept.store([(ids[1], late), (ids[0], early)])
      #expect(second == 1)
      let kept = try await stores.kept.statuses(of: ids + [stranger])
      #expect(kept == [ids[0]: late, ids[1]: late])
    }
  }

  @Test("one process at a time does it, and the next when that one says nothing more")
  func turns() async throws {
    try await withStores(miners: 1) { stores, _ in
      /// Whether it was its turn.
      func takesTurn(_ archiver: StatusArchiver) async throws -> Bool {
        var place = RedisLiveStatusStore.SweepPlace()
        return try await archiver.step(from: &place) != nil
      }
      let (first, second) = (stores.archiver("gateway-1"), stores.archiver("gateway-2"))
      #expect(try await takesTurn(first))
      #expect(try await takesTurn(second) == false)
      #expect(try await takesTurn(first))
      let deleted = try await stores.redis.run("DEL", stores.redis.keys.archivist)
      #expect(deleted == .integer(1))
      #expect(try await takesTurn(second))
      #expect(try await takesTurn(first) == false)
    }
  }
}
