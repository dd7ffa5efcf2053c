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
    try await client.scanHash(keys.revocations, batch: 1_000) { fields in
      for (name, value) in fields {
        guard let id = MinerID(name),
          let milliseconds = Int64(String(decoding: value, as: UTF8.self))
        else { continue }
        found[id] = Timestamp(milliseconds: milliseconds)
      }
    }
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

extension RedisClient {
  /// Pages through a hash with HSCAN.
  func scanHash(
    _ key: String, batch: Int, _ body: ([(name: String, value: [UInt8])]) async throws -> Void
  ) async throws {
    var cursor = "0"
    repeat {
      let page = try await hashPage(key, cursor: cursor, batch: batch)
      try await body(page.fields)
      cursor = page.cursor
    } while cursor != "0"
  }

  /// One step of HSCAN.
  func hashPage(
    _ key: String, cursor: String, batch: Int
  ) async throws(RedisError) -> (cursor: String, fields: [(name: String, value: [UInt8])]) {
    var command = RedisCommand("HSCAN", key, cursor, "COUNT")
    command.append(batch)
    let page = try await send(command).elements ?? []
    guard page.count == 2, let next = page[0].text, let fields = page[1].elements,
      fields.count.isMultiple(of: 2)
    else { throw .protocolViolation("HSCAN") }
    return (
      next,
      stride(from: 0, to: fields.count, by: 2).compactMap { index in
        guard let name = fields[index].text, let value = fields[index + 1].bytes else {
          return nil
        }
        return (name, value)
      }
    )
  }

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
