import Domain
import Redis
import Wire

/// Writes one batch to Redis: the live status first, the stream's entries behind it in the same pipeline,
/// so that who notes the stream's end and then reads the live status misses nothing.
struct ChangeFlush: Sendable {
  struct Outcome {
    /// Whether all of the batch is in Redis.
    var isComplete = false
    var entries = 0
    var changes = 0
    var lastID: StreamID?
  }

  /// The most encoded entries that one pipeline carries.
  private static let payloadsPerPipeline = 256

  let client: RedisClient
  let keys: RedisKeys
  let liveStatus: RedisLiveStatusStore
  let streamEntryCap: Int
  let changesPerEntry: Int

  /// A batch that fits in one entry takes one pipeline; a larger one several, up to the first that fails.
  func write(_ batch: PendingChanges.Batch) async -> Outcome {
    var outcome = Outcome()
    let durable = batch.items.flatMap(\.changes)
    var durableRest = durable[...]
    var statusRest = batch.statuses.map { ($0.key, $0.value) }[...]
    while !durableRest.isEmpty || !statusRest.isEmpty {
      var changes = Array(durableRest.prefix(changesPerEntry))
      durableRest = durableRest.dropFirst(changes.count)
      let statuses = Array(statusRest.prefix(changesPerEntry - changes.count))
      statusRest = statusRest.dropFirst(statuses.count)
      changes += statuses.map { .status($0.0, $0.1) }
      let merges = liveStatus.mergeCommands(statuses)
      let entry = entryCommand(ChangeCodec.encode(changes))
      do throws(RedisError) {
        let replies = try await client.pipeline(merges + [entry])
        for reply in replies { _ = try reply.get() }
        outcome.lastID = try replies.last.map { reply throws(RedisError) in
          try StreamID(reply: reply)
        }
        outcome.entries += 1
        outcome.changes += changes.count
      } catch {
        return outcome
      }
    }
    outcome.isComplete = true
    return outcome
  }

  /// - Returns: the last entry's id; nil when there is none.
  func append(payloads: [[UInt8]]) async throws(RedisError) -> StreamID? {
    var last: StreamID?
    for start in stride(from: 0, to: payloads.count, by: Self.payloadsPerPipeline) {
      let part = payloads[start..<min(start + Self.payloadsPerPipeline, payloads.count)]
      for reply in try await client.pipeline(part.map { entryCommand($0) }) {
        last = try StreamID(reply: try reply.get())
      }
    }
    return last
  }

  private func entryCommand(_ payload: [UInt8]) -> RedisCommand {
    var command = RedisCommand("XADD", keys.changeStream, "MAXLEN", "~")
    command.append(streamEntryCap)
    command.append("*")
    command.append(RedisKeys.payloadField)
    command.append(payload)
    return command
  }
}
