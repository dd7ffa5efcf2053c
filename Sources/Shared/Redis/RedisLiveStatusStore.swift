import Domain
import Wire

/// The last known status of every miner, for whoever starts later: hashes of packed patches, merged
/// inside Redis.
package struct RedisLiveStatusStore: Sendable {
  /// The most patches that one script call merges: Lua's stack holds 8,000 values.
  package static let patchesPerCall = 1_000

  /// A place in the endless round through all shards.
  package struct SweepPlace: Equatable, Sendable {
    fileprivate var shardIndex = 0
    fileprivate var cursor = "0"

    package init() {}
  }

  private let client: RedisClient
  private let keys: RedisKeys
  private let timeToLiveSeconds: Int

  /// - Parameter timeToLiveSeconds: a shard that nobody writes to for so long is forgotten; longer than
  ///   the longest lease with its grace.
  package init(client: RedisClient, keys: RedisKeys, timeToLiveSeconds: Int) {
    self.client = client
    self.keys = keys
    self.timeToLiveSeconds = timeToLiveSeconds
  }

  /// Commands that merge `patches` into what Redis holds, in their order, field by field the later one's
  /// value. Each answers `OK`.
  package func mergeCommands(_ patches: [(MinerID, StatusPatch)]) -> [RedisCommand] {
    stride(from: 0, to: patches.count, by: Self.patchesPerCall).map { start in
      mergeCommand(patches[start..<min(start + Self.patchesPerCall, patches.count)])
    }
  }

  private func mergeCommand(_ patches: ArraySlice<(MinerID, StatusPatch)>) -> RedisCommand {
    let shards = groupByShard(patches) { $0.0 }
    var command = RedisScripts.call(
      RedisScripts.mergeStatuses, keys: shards.map { keys.statusShards[$0.shard] })
    command.reserve(
      argumentCount: 1 + shards.count + 2 * patches.count,
      byteCount: patches.count * (StatusPatchCodec.byteCount + 16))
    command.append(timeToLiveSeconds)
    for (_, members) in shards {
      command.append(members.count)
      for (id, patch) in members {
        command.append(id.text)
        command.append(StatusPatchCodec.encode(patch))
      }
    }
    return command
  }

  /// Writes `patches` now; the change stream's writer has its own way.
  package func merge(_ patches: [(MinerID, StatusPatch)]) async throws(RedisError) {
    for reply in try await client.pipeline(mergeCommands(patches)) { _ = try reply.get() }
  }

  /// What is known of these miners; one of whom nothing is known has no entry.
  package func statuses(of ids: [MinerID]) async throws(RedisError) -> [MinerID: StatusPatch] {
    let shards = groupByShard(ids[...]) { $0 }
    let replies = try await client.pipeline(
      shards.map { shard, members in
        var command = RedisCommand("HMGET", keys.statusShards[shard])
        for id in members { command.append(id.text) }
        return command
      })
    var found: [MinerID: StatusPatch] = [:]
    for ((_, members), reply) in zip(shards, replies) {
      let values = try reply.get().elements ?? []
      for (id, value) in zip(members, values) {
        if let bytes = value.bytes { found[id] = try? StatusPatchCodec.decode(bytes) }
      }
    }
    return found
  }

  /// Looks at about `batch` statuses from `place` on, removes those whose lease ended more than
  /// `olderThanMilliseconds` before `now`, and moves `place` on, round and round.
  /// - Returns: how many it removed.
  package func sweep(
    now: Timestamp, olderThanMilliseconds: Int64, batch: Int = 1_000, from place: inout SweepPlace
  ) async throws(RedisError) -> Int {
    let (cursor, removed) = try await client.sweepHash(
      keys.statusShards[place.shardIndex], script: RedisScripts.sweepStatuses,
      cursor: place.cursor, batch: batch,
      before: now.advanced(byMilliseconds: -olderThanMilliseconds))
    place.cursor = cursor
    if cursor == "0" { place.shardIndex = (place.shardIndex + 1) % RedisKeys.statusShardCount }
    return removed
  }

  /// About `batch` statuses from `place` on, and moves `place` on, round and round.
  package func page(
    from place: inout SweepPlace, batch: Int
  ) async throws(RedisError) -> [(MinerID, StatusPatch)] {
    let page = try HashPage(
      try await client.send(
        HashPage.command(keys.statusShards[place.shardIndex], cursor: place.cursor, batch: batch)))
    place.cursor = page.next
    if page.next == "0" { place.shardIndex = (place.shardIndex + 1) % RedisKeys.statusShardCount }
    return page.fields.compactMap(Self.read)
  }

  /// Whether it is now this process's turn to write statuses down; it is for so long, and until another
  /// has taken it.
  package func claimArchiving(
    by name: String, milliseconds: Int
  ) async throws(RedisError) -> Bool {
    var command = RedisScripts.call(RedisScripts.claimTurn, keys: [keys.archivist])
    command.append(name)
    command.append(milliseconds)
    return try await client.send(command).integer == 1
  }

  private static func read(_ name: String, _ value: [UInt8]) -> (MinerID, StatusPatch)? {
    guard let id = MinerID(name), let patch = try? StatusPatchCodec.decode(value) else {
      return nil
    }
    return (id, patch)
  }

  /// The members of each shard that has any, in their order.
  private func groupByShard<Member>(
    _ members: ArraySlice<Member>, id: (Member) -> MinerID
  ) -> [(shard: Int, members: [Member])] {
    var groups = [[Member]](repeating: [], count: RedisKeys.statusShardCount)
    for member in members { groups[RedisKeys.statusShardIndex(of: id(member))].append(member) }
    return groups.enumerated().filter { !$0.element.isEmpty }.map { ($0.offset, $0.element) }
  }
}
