import Changes
import Domain
import Redis
import ServiceLifecycle
import Synchronization
import Testing

@Suite("The sweepers at work")
struct SweeperLoopTests {
  private final class Clock: Sendable {
    let time = Mutex(Timestamp(milliseconds: 1_700_000_000_000))
  }

  /// Runs the service while `body` does, then sees it end.
  private func whileRunning(
    _ service: some Service, _ body: () async throws -> Void
  ) async throws {
    let group = ServiceGroup(services: [service], logger: silentLogger)
    let running = Task { try await group.run() }
    do {
      try await body()
    } catch {
      running.cancel()
      throw error
    }
    await group.triggerGracefulShutdown()
    try await running.value
  }

  @Test("what is left in the outbox goes by and by, across an outage of Redis")
  func outbox() async throws {
    try await withRedis { redis in
      let outbox = MemoryOutbox()
      let writer = ChangeWriter(
        client: redis.client, keys: redis.keys, liveStatus: redis.liveStatus(), outbox: nil,
        logger: silentLogger)
      var options = OutboxSweeper.Options()
      options.intervalMilliseconds = 5
      options.outageIntervalMilliseconds = 5
      let sweeper = OutboxSweeper(
        outbox: outbox, writer: writer, options: options, logger: silentLogger)
      try await whileRunning(sweeper) {
        outbox.add(1, .trust(.numbered(1), .none))
        try await eventually("the first goes") { outbox.ids.isEmpty }
        #expect(outbox.askedAges.allSatisfy { $0 == options.olderThanMilliseconds })
        await redis.kill()
        outbox.add(2, .trust(.numbered(2), .none))
        try await redis.server.start()
        try await eventually("the second goes") { outbox.ids.isEmpty }
      }
    }
  }

  @Test("stale statuses and revocations go as time goes by, what is fresh stays")
  func staleState() async throws {
    try await withRedis { redis in
      let clock = Clock()
      let noon = clock.time.withLock { $0 }
      let statuses = redis.liveStatus()
      let revocations = RedisRevocationStore(
        client: redis.client, keys: redis.keys, sessionSeconds: 60)
      let all = (0..<100).map { MinerID.numbered($0) }
      // The leases end one after another, a second apart.
      try await statuses.merge(
        all.enumerated().map { place, id in
          (id, StatusPatch(at: noon, leaseMilliseconds: UInt32(place) * 1_000))
        })
      try await revocations.revoke(all[1], notBefore: noon)
      try await revocations.revoke(all[2], notBefore: noon.advanced(byMilliseconds: 30_000))

      var options = StaleStateSweeper.Options(graceMilliseconds: 10_000)
      options.stepIntervalMilliseconds = 1
      options.stepsPerRevocationSweep = 3
      let sweeper = StaleStateSweeper(
        liveStatus: statuses, revocations: revocations, options: options,
        now: { clock.time.withLock { $0 } })
      try await whileRunning(sweeper) {
        clock.time.withLock { $0 = noon.advanced(byMilliseconds: 59_500) }
        try await eventually("half of the statuses go") {
          Set(try await statuses.statuses(of: all).keys) == Set(all[50...])
        }
        #expect(try await revocations.loadAll().count == 2)
        clock.time.withLock { $0 = noon.advanced(byMilliseconds: 60_001) }
        try await eventually("the older revocation goes") {
          Set(try await revocations.loadAll().keys) == [all[2]]
        }
      }
    }
  }
}
