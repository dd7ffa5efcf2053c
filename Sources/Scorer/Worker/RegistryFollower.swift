import Changes
import Domain
import Logging
import Postgres
import Redis
import ServiceLifecycle
import Synchronization
import Wire

/// Keeps the index thread supplied: follows the change stream, and loads everything anew when the
/// stream says that something may have been missed.
final class RegistryFollower: Service {
  /// Events that may wait for the index thread before loading pauses.
  private static let eventsAhead = 16
  private static let retryMilliseconds = 500

  private let miners: PostgresMinerStore
  private let liveStatus: RedisLiveStatusStore
  private let writer: ChangeWriter
  private let inbox: IndexInbox
  private let logger: Logger
  private let reader: ChangeStreamReader
  private let reloads: AsyncStream<Int>

  init(
    redis: RedisAddress, keys: RedisKeys, delayMilliseconds: Int, miners: PostgresMinerStore,
    liveStatus: RedisLiveStatusStore, writer: ChangeWriter, inbox: IndexInbox, logger: Logger
  ) {
    self.miners = miners
    self.liveStatus = liveStatus
    self.writer = writer
    self.inbox = inbox
    self.logger = logger
    let (reloads, continuation) = AsyncStream.makeStream(
      of: Int.self, bufferingPolicy: .bufferingNewest(1))
    self.reloads = reloads
    let generations = Mutex(0)
    var options = ChangeStreamReader.Options()
    options.delayMilliseconds = delayMilliseconds
    reader = ChangeStreamReader(
      address: redis, keys: keys, options: options, logger: logger
    ) { event in
      switch event {
      case .reachable: inbox.post(.streamReachable(true))
      case .unreachable: inbox.post(.streamReachable(false))
      case .mustReload:
        let generation = generations.withLock { count in
          count += 1
          return count
        }
        // Posted here, before any entry that follows, so that none of those shows too early.
        inbox.post(.snapshotStarted(generation: generation))
        continuation.yield(generation)
      case .entries(let entries):
        guard let last = entries.last else { return }
        inbox.postPausing(.entries(entries.flatMap(\.changes), upTo: last.id))
      }
    }
  }

  func run() async throws {
    reader.start()
    await cancelWhenGracefulShutdown {
      for await generation in self.reloads { await self.load(generation) }
    }
    reader.stop()
  }

  /// Loads until it has worked; both stores may be away for a while.
  private func load(_ generation: Int) async {
    var hasFailed = false
    while !Task.isCancelled {
      do {
        inbox.post(.snapshotLoaded(generation: generation, upTo: try await loadOnce()))
        return
      } catch {
        if !hasFailed {
          logger.warning(
            "the registry cannot be loaded; trying again", metadata: ["reason": "\(error)"])
        }
        hasFailed = true
        try? await Task.sleep(for: .milliseconds(Self.retryMilliseconds))
      }
    }
  }

  /// Profiles and trust from PostgreSQL, a page at a time, with what is live from Redis. All of it goes
  /// in as changes: what the index knows better, by version or time, stays.
  ///
  /// - Returns: up to where the stream shows in what was loaded. An empty entry, appended first, marks it:
  ///   what stands before it was in the stores before. It also is later than anything acknowledged, should
  ///   Redis have come back without its last entries.
  private func loadOnce() async throws -> StreamID {
    guard let start = await writer.appendEncoded([ChangeCodec.encode([])]) else {
      throw StreamAway()
    }
    try await miners.streamAll { page in
      // With each record what is live of its miner: none of those has to wait aside as a dormant one.
      let statuses = try await self.liveStatus.statuses(of: page.map(\.record.id))
      try await self.post(page.flatMap { Self.changes(of: $0, statuses[$0.record.id]) })
    }
    return start
  }

  private static func changes(of miner: StoredMiner, _ status: StatusPatch?) -> [Change] {
    let id = miner.record.id
    return [.record(miner.record), .trust(id, miner.trust)]
      + (status.map { [.status(id, $0)] } ?? [])
  }

  private func post(_ changes: [Change]) async throws {
    while inbox.count >= Self.eventsAhead { try await Task.sleep(for: .milliseconds(1)) }
    inbox.post(.snapshotPart(changes))
  }
}

/// Redis did not take the entry that marks a loading's start.
private struct StreamAway: Error, CustomStringConvertible {
  var description: String { "the change stream is out of reach" }
}
