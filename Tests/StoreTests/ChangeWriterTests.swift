import Changes
import Domain
import Foundation
import Redis
import ServiceLifecycle
import Synchronization
import Testing
import Wire

/// An outbox in memory.
final class MemoryOutbox: OutboxStore {
  private let rows = Mutex<[Int64: OutboxRow]>([:])
  private let ages = Mutex<[Int]>([])

  func add(_ id: Int64, _ change: Change) {
    rows.withLock { $0[id] = OutboxRow(id: id, payload: ChangeCodec.encode([change])) }
  }

  var ids: Set<Int64> { rows.withLock { Set($0.keys) } }

  /// Every `olderThanMilliseconds` that was asked for.
  var askedAges: [Int] { ages.withLock { $0 } }

  func leftovers(olderThanMilliseconds: Int, limit: Int) async throws -> [OutboxRow] {
    ages.withLock { $0.append(olderThanMilliseconds) }
    return rows.withLock { Array($0.values.sorted { $0.id < $1.id }.prefix(limit)) }
  }

  func delete(ids: [Int64]) async throws {
    rows.withLock { rows in for id in ids { rows[id] = nil } }
  }
}

@Suite("The change stream's writer")
struct ChangeWriterTests {
  /// No busy machine makes a caller give up.
  private static var patientOptions: ChangeWriter.Options {
    var options = ChangeWriter.Options()
    options.appendDeadlineMilliseconds = 10_000
    return options
  }

  private func makeWriter(
    _ redis: RedisUnderTest, outbox: MemoryOutbox? = nil,
    options: ChangeWriter.Options = Self.patientOptions
  ) -> ChangeWriter {
    ChangeWriter(
      client: redis.client, keys: redis.keys, liveStatus: redis.liveStatus(), outbox: outbox,
      options: options, logger: silentLogger)
  }

  private func patch(_ milliseconds: Int64, queue: UInt32? = nil) -> StatusPatch {
    var patch = StatusPatch(
      at: Timestamp(milliseconds: milliseconds), leaseMilliseconds: 60_000)
    patch.queueLength = queue
    return patch
  }

  private func trust(_ number: Int) -> Change {
    .trust(.numbered(number), MinerTrust(score: 0.5, good: 0, bad: 0, version: Int64(number)))
  }

  /// All changes in the stream, entry by entry.
  private func entries(_ redis: RedisUnderTest) async throws -> [[Change]] {
    let rows = try await redis.run("XRANGE", redis.keys.changeStream, "-", "+").elements ?? []
    return try rows.map { row in
      let fields = try #require(row.elements?.last?.elements)
      return try ChangeCodec.decode(try #require(fields.last?.bytes))
    }
  }

  @Test("signs of life of one miner become one, the last value of each field")
  func coalesces() async throws {
    try await withRedis { redis in
      let writer = makeWriter(redis)
      for number in 1...50 {
        writer.note(.numbered(1), patch(Int64(number), queue: UInt32(number)))
      }
      writer.note(.numbered(1), patch(51))
      #expect(writer.counters.pendingStatuses == 1)
      let id = try #require(await writer.append([], statuses: [(.numbered(2), patch(7))]))
      #expect(try await redis.streamIDs() == [id])
      let changes = try #require(try await entries(redis).first)
      #expect(changes.count == 2)
      #expect(changes.contains(.status(.numbered(1), patch(51, queue: 50))))
      #expect(
        try await redis.liveStatus().statuses(of: [.numbered(1), .numbered(2)])
          == [.numbered(1): patch(51, queue: 50), .numbered(2): patch(7)])
      #expect(writer.counters.pendingStatuses == 0)
      #expect(writer.counters.entries == 1 && writer.counters.changes == 2)
    }
  }

  @Test("a change goes with its statuses in one entry, and its outbox row is deleted")
  func appends() async throws {
    try await withRedis { redis in
      let outbox = MemoryOutbox()
      for id in 1...3 { outbox.add(Int64(id), trust(id)) }
      let writer = makeWriter(redis, outbox: outbox)
      let status = patch(5)
      let id = await writer.append(
        [trust(1), trust(2)], outboxIDs: [1, 2], statuses: [(.numbered(1), status)])
      #expect(try await redis.streamIDs().last == id)
      #expect(try await entries(redis) == [[trust(1), trust(2), .status(.numbered(1), status)]])
      try await eventually("rows go") { outbox.ids == [3] }
    }
  }

  @Test("ids that callers get grow, and are never before their own entry")
  func monotone() async throws {
    try await withRedis { redis in
      let writer = makeWriter(redis)
      var last = StreamID.zero
      for number in 0..<100 {
        let id = try #require(await writer.append([trust(number)]))
        #expect(id > last)
        last = id
      }
      await withTaskGroup(of: Void.self) { group in
        for number in 0..<500 {
          group.addTask { #expect(await writer.append([trust(number)]) != nil) }
        }
      }
      #expect(try await entries(redis).joined().count == 600)
      // They shared flushes.
      #expect(writer.counters.flushes < 600)
    }
  }

  @Test("more changes than an entry holds become several, and the stream is kept short")
  func bounded() async throws {
    try await withRedis { redis in
      var options = Self.patientOptions
      options.changesPerEntry = 10
      let writer = makeWriter(redis, options: options)
      for number in 0..<95 { writer.note(.numbered(number), patch(1)) }
      let id = await writer.append((0..<12).map { trust($0) })
      let counts = try await entries(redis).map(\.count)
      #expect(counts == Array(repeating: 10, count: 10) + [7])
      #expect(try await redis.streamIDs().last == id)

      options.streamEntryCap = 100
      let trimming = makeWriter(redis, options: options)
      for number in 0..<500 { _ = await trimming.append([trust(number)]) }
      #expect(try await redis.streamIDs().count <= 300)
    }
  }

  @Test("with Redis gone nobody waits, and statuses are written when it is back")
  func outage() async throws {
    try await withRedis { redis in
      let outbox = MemoryOutbox()
      outbox.add(1, trust(1))
      let writer = makeWriter(redis, outbox: outbox)
      let running = Task { try await writer.run() }
      defer { running.cancel() }
      _ = await writer.noteAndWait(.numbered(1), patch(1, queue: 1))
      await redis.kill()
      let start = ContinuousClock.now
      #expect(await writer.append([trust(1)], outboxIDs: [1]) == nil)
      #expect(await writer.append([.revoked(.numbered(4), notBefore: .distantPast)]) == nil)
      writer.note(.numbered(1), patch(2))
      writer.note(.numbered(2), patch(3))
      #expect(await writer.noteAndWait(.numbered(1), patch(4, queue: 4)) == nil)
      #expect(ContinuousClock.now - start < .seconds(5))
      #expect(writer.counters.pendingStatuses == 2)
      #expect(writer.counters.pendingChanges == 1)
      #expect(writer.counters.failures > 0)

      try await redis.server.start()
      try await eventually("writes what waited") { writer.counters.pendingStatuses == 0 }
      let expected: [MinerID: StatusPatch] = [
        .numbered(1): patch(4, queue: 4), .numbered(2): patch(3),
      ]
      try await eventually("it is there") {
        try await redis.liveStatus().statuses(of: [.numbered(1), .numbered(2)]) == expected
      }
      #expect(
        try await entries(redis).joined().contains(.revoked(.numbered(4), notBefore: .distantPast)))
      #expect(outbox.ids == [1])
    }
  }

  @Test("a Redis that hangs holds a caller no longer than the bound")
  func hanging() async throws {
    try await withRedis(replyMilliseconds: 600) { redis in
      let writer = makeWriter(redis, options: ChangeWriter.Options())
      _ = await writer.append([trust(0)])
      await redis.signal(SIGSTOP)
      let start = ContinuousClock.now
      await withTaskGroup(of: Void.self) { group in
        for number in 1...20 {
          group.addTask {
            try? await Task.sleep(for: .milliseconds(30 * number))
            #expect(await writer.append([trust(number)]) == nil)
          }
        }
      }
      // The last began after 600 ms, and each waits for a second.
      #expect(ContinuousClock.now - start < .seconds(5))
      await redis.signal(SIGCONT)
      try await eventually("writes again") { await writer.append([trust(21)]) != nil }
    }
  }

  @Test("the end writes what is pending, and takes no longer than its bound when it can't")
  func shutdown() async throws {
    try await withRedis { redis in
      var options = ChangeWriter.Options()
      options.flushIntervalMilliseconds = 60_000
      options.shutdownFlushMilliseconds = 300
      for isUp in [true, false] {
        let writer = makeWriter(redis, options: options)
        let group = ServiceGroup(services: [writer], logger: silentLogger)
        writer.note(.numbered(1), patch(1))
        let running = Task { try await group.run() }
        try await eventually("its first round is over") { writer.counters.flushes == 1 }
        if !isUp { await redis.signal(SIGSTOP) }
        // The next round would be in a minute: this waits for the end.
        writer.note(.numbered(2), patch(isUp ? 1 : 2))
        let start = ContinuousClock.now
        await group.triggerGracefulShutdown()
        try await running.value
        #expect(ContinuousClock.now - start < .seconds(5))
        if isUp {
          #expect(try await entries(redis).last == [.status(.numbered(2), patch(1))])
        } else {
          #expect(writer.counters.pendingStatuses == 0 || writer.counters.failures > 0)
        }
      }
      await redis.signal(SIGCONT)
    }
  }

  @Test("left-overs of the outbox reach the stream, at once when Redis comes back")
  func sweeper() async throws {
    try await withRedis { redis in
      let outbox = MemoryOutbox()
      let writer = makeWriter(redis)
      var options = OutboxSweeper.Options()
      options.rowsPerRound = 3
      let sweeper = OutboxSweeper(
        outbox: outbox, writer: writer, options: options, logger: silentLogger)
      for id in 1...10 { outbox.add(Int64(id), trust(id)) }
      #expect(try await sweeper.sweep(olderThanMilliseconds: 0) == 10)
      #expect(try await entries(redis) == (1...10).map { [trust($0)] })
      #expect(outbox.ids.isEmpty)

      #expect(await sweeper.round(after: .swept) == .swept)
      #expect(outbox.askedAges.last == options.olderThanMilliseconds)

      await redis.kill()
      outbox.add(11, trust(11))
      #expect(await sweeper.round(after: .swept) == .redisIsAway)
      #expect(outbox.ids == [11])
      try await redis.server.start()
      try await eventually("sees Redis") { await sweeper.round(after: .redisIsAway) == .swept }
      #expect(outbox.askedAges.contains(0))
      #expect(outbox.ids.isEmpty)
      #expect(try await entries(redis) == [[trust(11)]])
    }
  }
}
