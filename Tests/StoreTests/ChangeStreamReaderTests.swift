import Domain
import Foundation
import Redis
import Synchronization
import Testing
import Wire

/// What a reader said, in order.
final class ReaderEvents: Sendable {
  private let events = Mutex<[ChangeStreamReader.Event]>([])

  func append(_ event: ChangeStreamReader.Event) { events.withLock { $0.append(event) } }

  /// Events by name, one `entries` for each entry.
  var names: [String] {
    events.withLock { events in
      events.flatMap { event -> [String] in
        switch event {
        case .reachable: ["reachable"]
        case .unreachable: ["unreachable"]
        case .mustReload: ["mustReload"]
        case .entries(let entries): entries.map { _ in "entry" }
        }
      }
    }
  }

  var entries: [ChangeStreamReader.Entry] {
    events.withLock { events in
      events.flatMap { event -> [ChangeStreamReader.Entry] in
        if case .entries(let entries) = event { entries } else { [] }
      }
    }
  }

  var notedIDs: [StreamID] {
    events.withLock { events in
      events.compactMap { if case .mustReload(let noted) = $0 { noted } else { nil } }
    }
  }
}

@Suite("The change stream's reader")
struct ChangeStreamReaderTests {
  /// No busy machine makes a server look as if it were away.
  private static var patientOptions: ChangeStreamReader.Options {
    var options = ChangeStreamReader.Options()
    options.replySlackMilliseconds = 10_000
    options.connectMilliseconds = 5_000
    return options
  }

  private func withReader(
    options: ChangeStreamReader.Options = Self.patientOptions,
    _ body: (RedisUnderTest, ReaderEvents, ChangeStreamReader) async throws -> Void
  ) async throws {
    try await withRedis { redis in
      let events = ReaderEvents()
      let reader = ChangeStreamReader(
        url: redis.url, keys: redis.keys, options: options, logger: silentLogger
      ) { events.append($0) }
      reader.start()
      defer { reader.stop() }
      try await eventually("begins") { events.names == ["reachable", "mustReload"] }
      try await body(redis, events, reader)
    }
  }

  private func add(_ number: Int, to redis: RedisUnderTest) async throws -> StreamID {
    let patch = StatusPatch(at: Timestamp(milliseconds: Int64(number)), leaseMilliseconds: 1)
    var command = RedisCommand("XADD", redis.keys.changeStream, "*", RedisKeys.payloadField)
    command.append(ChangeCodec.encode([.status(.numbered(number), patch)]))
    return try StreamID(reply: try await redis.client.send(command))
  }

  /// How many XREADs the server has answered.
  private func readCount(_ redis: RedisUnderTest) async throws -> Int {
    let stats = try await redis.run("INFO", "commandstats").text ?? ""
    let line = stats.split(whereSeparator: \.isNewline).first { $0.contains("_xread:calls=") }
    return line.flatMap { Int($0.split(separator: "=")[1].prefix { $0.isNumber }) } ?? 0
  }

  @Test("an empty stream gets its first entry, and entries come in order, each once")
  func inOrder() async throws {
    try await withReader { redis, events, _ in
      #expect(try await redis.streamIDs() == events.notedIDs)
      var ids: [StreamID] = []
      for number in 0..<300 { ids.append(try await add(number, to: redis)) }
      try await eventually("all are read") { events.entries.count >= ids.count }
      #expect(events.entries.map(\.id) == ids)
      #expect(events.entries.map { $0.changes.map(\.minerID) } == (0..<300).map { [.numbered($0)] })
    }
  }

  @Test("a stream that has entries is tailed from its end")
  func fromTheEnd() async throws {
    try await withRedis { redis in
      _ = try await add(1, to: redis)
      let end = try await add(2, to: redis)
      let events = ReaderEvents()
      let reader = ChangeStreamReader(url: redis.url, keys: redis.keys, logger: silentLogger) {
        events.append($0)
      }
      reader.start()
      defer { reader.stop() }
      try await eventually("begins") { events.notedIDs == [end] }
      let next = try await add(3, to: redis)
      try await eventually("goes on") { events.entries.map(\.id) == [next] }
    }
  }

  @Test("after the stream was lost, everything is loaded anew and the tail goes on")
  func flushed() async throws {
    try await withReader { redis, events, _ in
      _ = try await add(1, to: redis)
      try await eventually("is read") { events.entries.count == 1 }
      _ = try await redis.run("FLUSHALL")
      try await eventually("reloads") { events.notedIDs.count == 2 }
      let next = try await add(2, to: redis)
      try await eventually("goes on") { events.entries.last?.id == next }
      #expect(events.names == ["reachable", "mustReload", "entry", "mustReload", "entry"])
    }
  }

  @Test("a stream that began anew with lower ids is noticed")
  func clockWentBack() async throws {
    try await withReader { redis, events, _ in
      let pipeline = [
        RedisCommand("FLUSHALL"),
        RedisCommand("XADD", redis.keys.changeStream, "1000-0", RedisKeys.payloadField, ""),
      ]
      for reply in try await redis.client.pipeline(pipeline) { _ = try reply.get() }
      try await eventually("reloads") { events.notedIDs.count == 2 }
      #expect(events.notedIDs.last == StreamID("1000-0"))
    }
  }

  @Test("a reader that was overtaken by the trimming loads everything anew")
  func trimmed() async throws {
    try await withReader { redis, events, reader in
      // One transaction: no reader can keep up with it.
      var commands = [RedisCommand("MULTI")]
      for number in 0..<1_000 {
        var command = RedisCommand("XADD", redis.keys.changeStream, "*", RedisKeys.payloadField)
        command.append(ChangeCodec.encode([.revoked(.numbered(number), notBefore: .distantPast)]))
        commands.append(command)
      }
      commands.append(RedisCommand("XTRIM", redis.keys.changeStream, "MAXLEN", "10"))
      commands.append(RedisCommand("EXEC"))
      for reply in try await redis.client.pipeline(commands) { _ = try reply.get() }
      try await eventually("reloads") { events.notedIDs.count == 2 }
      let end = try await redis.streamIDs().last
      #expect(events.notedIDs.last == end)
      #expect(events.entries.isEmpty)
      #expect(reader.undecodableEntryCount == 0)
    }
  }

  @Test("a server killed and started again: out of reach, in reach, loaded anew")
  func restarted() async throws {
    try await withReader { redis, events, _ in
      _ = try await add(1, to: redis)
      try await eventually("is read") { events.entries.count == 1 }
      await redis.kill()
      try await eventually("sees it") { events.names.last == "unreachable" }
      try await redis.server.start()
      try await eventually("reloads") { events.notedIDs.count == 2 }
      let next = try await add(2, to: redis)
      try await eventually("goes on") { events.entries.last?.id == next }
      #expect(
        events.names == [
          "reachable", "mustReload", "entry", "unreachable", "reachable", "mustReload", "entry",
        ])
    }
  }

  @Test("a server that hangs is out of reach, and goes on with no reload when it is back")
  func hanging() async throws {
    try await withReader(options: .init()) { redis, events, _ in
      await redis.signal(SIGSTOP)
      let start = ContinuousClock.now
      try await eventually("sees it") { events.names.last == "unreachable" }
      #expect(ContinuousClock.now - start < .seconds(5))
      await redis.signal(SIGCONT)
      try await eventually("sees it back") { events.names.last == "reachable" }
      try await eventually("the client too") { await redis.client.check(RedisKeys()) == nil }
      let next = try await add(1, to: redis)
      try await eventually("goes on") { events.entries.map(\.id) == [next] }
      #expect(
        events.names == ["reachable", "mustReload", "unreachable", "reachable", "entry"])
    }
  }

  @Test("a reader may be started before the server")
  func startedBefore() async throws {
    try await withRedis { redis in
      await redis.server.stop()
      let events = ReaderEvents()
      let reader = ChangeStreamReader(url: redis.url, keys: redis.keys, logger: silentLogger) {
        events.append($0)
      }
      reader.start()
      defer { reader.stop() }
      try await eventually("says so") { events.names == ["unreachable"] }
      try await redis.server.start()
      try await eventually("begins") {
        events.names == ["unreachable", "reachable", "mustReload"]
      }
    }
  }

  @Test("an entry that cannot be read is counted and passed over")
  func undecodable() async throws {
    try await withReader { redis, events, reader in
      _ = try await redis.run("XADD", redis.keys.changeStream, "*", "c", "\u{7f}nonsense")
      _ = try await redis.run("XADD", redis.keys.changeStream, "*", "other", "x")
      let next = try await add(1, to: redis)
      try await eventually("goes on") { events.entries.last?.id == next }
      #expect(events.entries.map(\.changes.count) == [0, 0, 1])
      #expect(reader.undecodableEntryCount == 2)
    }
  }

  @Test("entries held back come late, while outages are seen at once")
  func heldBack() async throws {
    var options = Self.patientOptions
    options.delayMilliseconds = 2_000
    try await withReader(options: options) { redis, events, _ in
      let start = ContinuousClock.now
      let id = try await add(1, to: redis)
      // Reads that the server has answered: one more means that ours had the entry.
      let reads = try await readCount(redis)
      try await eventually("the reader has it") { try await readCount(redis) > reads }
      await redis.kill()
      try await eventually("comes") { events.entries.map(\.id) == [id] }
      #expect(ContinuousClock.now - start >= .milliseconds(2_000))
      #expect(events.names == ["reachable", "mustReload", "unreachable", "entry"])
    }
  }

  @Test("a stopped reader leaves, and says nothing more")
  func stopped() async throws {
    try await withReader { redis, events, reader in
      reader.stop()
      try await eventually("only we are connected") {
        try await redis.run("CLIENT", "LIST").text?.split(separator: "\n").count == 1
      }
      _ = try await add(1, to: redis)
      #expect(events.names == ["reachable", "mustReload"])
    }
  }
}
