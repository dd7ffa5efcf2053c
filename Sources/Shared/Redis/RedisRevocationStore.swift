import Domain

/// Since when each miner's session tokens count: those issued at or before its time are void. A time only
/// grows. It is needed no longer than a token lives.
package struct RedisRevocationStore: Sendable {
  private let client: RedisClient
  private let keys: RedisKeys
  private let sessionSeconds: Int

  /// - Parameter sessionSeconds: how long a session token lives.
  package init(client: RedisClient, keys: RedisKeys, sessionSeconds: Int) {
    self.client = client
    self.keys = keys
    self.sessionSeconds = sessionSeconds
  }

  package func revoke(_ id: MinerID, notBefore: Timestamp) async throws(RedisError) {
    var command = RedisScripts.call(RedisScripts.revoke, keys: [keys.revocations])
    command.append(id.text)
    command.append(notBefore.milliseconds)
    command.append(sessionSeconds)
    _ = try await client.send(command)
  }

  /// - Throws: `RedisError`.
  package func loadAll() async throws -> [MinerID: Timestamp] {
    var found: [MinerID: Timestamp] = [:]
    var cursor = "0"
    repeat {
      let page = try HashPage(
        try await client.send(HashPage.command(keys.revocations, cursor: cursor, batch: 1_000)))
      for (name, value) in page.fields {
        guard let id = MinerID(name),
          let milliseconds = Int64(String(decoding: value, as: UTF8.self))
        else { continue }
        found[id] = Timestamp(milliseconds: milliseconds)
      }
      cursor = page.next
    } while cursor != "0"
    return found
  }

  /// Removes what is older than a token's life, `batch` or so looked at in each of a few steps.
  /// - Returns: how many it removed.
  package func sweep(now: Timestamp, batch: Int = 1_000) async throws(RedisError) -> Int {
    let before = now.advanced(byMilliseconds: -Int64(sessionSeconds) * 1_000)
    var cursor = "0"
    var total = 0
    repeat {
      let step = try await client.sweepHash(
        keys.revocations, script: RedisScripts.sweepRevocations, cursor: cursor, batch: batch,
        before: before)
      cursor = step.cursor
      total += step.removed
    } while cursor != "0"
    return total
  }
}

/// Some fields of a hash, as HSCAN gives them.
struct HashPage {
  let fields: [(name: String, value: [UInt8])]
  /// Where the next page begins; `0`: this was the last.
  let next: String

  static func command(_ key: String, cursor: String, batch: Int) -> RedisCommand {
    var command = RedisCommand("HSCAN", key, cursor, "COUNT")
    command.append(batch)
    return command
  }

  init(_ reply: RedisReply) throws(RedisError) {
    let page = try reply.get().elements ?? []
    guard page.count == 2, let next = page[0].text, let fields = page[1].elements,
      fields.count.isMultiple(of: 2)
    else { throw .protocolViolation("HSCAN") }
    self.next = next
    self.fields = stride(from: 0, to: fields.count, by: 2).compactMap { index in
      guard let name = fields[index].text, let value = fields[index + 1].bytes else { return nil }
      return (name, value)
    }
  }
}

extension RedisClient {

  /// One step of a sweep through a hash by one of `RedisScripts`' sweeps.
  func sweepHash(
    _ key: String, script: String, cursor: String, batch: Int, before: Timestamp
  ) async throws(RedisError) -> (cursor: String, removed: Int) {
    var command = RedisScripts.call(script, keys: [key])
    command.append(cursor)
    command.append(batch)
    command.append(before.milliseconds)
    let reply = try await send(command).elements ?? []
    guard reply.count == 2, let next = reply[0].text, let removed = reply[1].integer else {
      throw .protocolViolation("sweep")
    }
    return (next, Int(removed))
  }
}
