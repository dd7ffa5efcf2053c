/// What all gateways together have granted, by limit and caller.
package struct RedisRateLimitStore: Sendable {
  /// Of one caller.
  package struct Caller: Sendable {
    package var key: String
    package var count: Int
    /// µs since the first of these was granted.
    package var age: Double
    /// µs from now until it will have used up all that it may, as this gateway sees it.
    package var debt: Double

    package init(key: String, count: Int, age: Double, debt: Double) {
      self.key = key
      self.count = count
      self.age = age
      self.debt = debt
    }
  }

  /// Of one limit, what a gateway has granted since it told last.
  package struct Grants: Sendable {
    /// The limit's name.
    package var limit: String
    /// µs that one takes.
    package var interval: Double
    /// The most that is held against a caller, in µs.
    package var ceiling: Double
    package var callers: [Caller]

    package init(
      limit: String, interval: Double, ceiling: Double, callers: [Caller]
    ) {
      self.limit = limit
      self.interval = interval
      self.ceiling = ceiling
      self.callers = callers
    }
  }

  private let client: RedisClient
  private let keys: RedisKeys

  package init(client: RedisClient, keys: RedisKeys) {
    self.client = client
    self.keys = keys
  }

  /// Tells what was granted. Should the connection break it may count twice.
  ///
  /// - Returns: each caller's debt in µs from now, in their order.
  package func settle(_ grants: [Grants]) async throws(RedisError) -> [[Double]] {
    let replies = try await client.pipeline(grants.map(command))
    var debts: [[Double]] = []
    for (reply, grants) in zip(replies, grants) {
      let values = try reply.get().elements?.compactMap { $0.text.flatMap(Double.init) } ?? []
      guard values.count == grants.callers.count else { throw .protocolViolation("settle") }
      debts.append(values)
    }
    return debts
  }

  private func command(_ grants: Grants) -> RedisCommand {
    var command = RedisScripts.call(
      RedisScripts.settleLimits,
      keys: grants.callers.map { keys.limits + grants.limit + ":" + $0.key })
    command.append(String(grants.interval))
    command.append(String(grants.ceiling))
    for caller in grants.callers {
      command.append(caller.count)
      command.append(String(caller.age))
      command.append(String(caller.debt))
    }
    return command
  }
}
