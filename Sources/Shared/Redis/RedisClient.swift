import Synchronization
import Threads

/// What the whole process shares of Redis: one connection on a thread of its own. What callers ask for at
/// the same time goes in one pipeline. While Redis is away, callers fail at once, but for one that
/// tries again now and then.
///
/// A command may be sent twice when the connection breaks, so each must be fit for that; all of ours are.
package final class RedisClient: Sendable {
  /// The most groups of commands in one pipeline.
  private static let batchLimit = 256
  /// The most callers that may wait.
  private static let queueLimit = 16_384

  private let session: RedisSession
  private let batcher: Batcher<[RedisCommand], [RedisReply]>
  private let refused = Atomic<Int>(0)

  package convenience init(
    url: RedisURL, timeouts: RedisConnection.Timeouts = RedisConnection.Timeouts()
  ) {
    self.init(address: RedisAddress(url), timeouts: timeouts)
  }

  /// - Parameter address: looked at before each use; a connection opened with another one is given up.
  package init(
    address: RedisAddress, timeouts: RedisConnection.Timeouts = RedisConnection.Timeouts()
  ) {
    let session = RedisSession(address: address, timeouts: timeouts)
    self.session = session
    batcher = Batcher(batchLimit: Self.batchLimit, queueLimit: Self.queueLimit) { groups in
      try await session.exchange(groups).map { .success($0) }
    }
  }

  /// Sends all commands in one pipeline, nobody else's between them, and gives their replies in order; a
  /// refused one as `RedisReply.error`.
  package func pipeline(_ commands: [RedisCommand]) async throws(RedisError) -> [RedisReply] {
    if commands.isEmpty { return [] }
    do {
      return try await batcher.submit(commands)
    } catch let error as RedisError {
      throw error
    } catch {
      refused.wrappingAdd(1, ordering: .relaxed)
      throw .overloaded
    }
  }

  /// Callers that were refused since the start because too many waited.
  package var refusedCount: Int { refused.load(ordering: .relaxed) }

  /// Sends one command. A refusal is thrown as `RedisError.server`.
  package func send(_ command: RedisCommand) async throws(RedisError) -> RedisReply {
    try await pipeline([command])[0].get()
  }

  package func ping() async throws(RedisError) { _ = try await send(RedisCommand("PING")) }

  /// - Returns: nil while Redis answers and takes writes, else a short reason.
  package func check(_ keys: RedisKeys) async -> String? {
    do throws(RedisError) {
      _ = try await send(RedisScripts.probe(keys))
      return nil
    } catch {
      return error.shortReason
    }
  }

  /// The run id that the server had when we last connected; nil before that, or where we may not ask.
  package func runID() async -> String? { await session.runID }
}

/// The connection's owner, on the connection's thread.
private actor RedisSession {
  private let address: RedisAddress
  private let timeouts: RedisConnection.Timeouts
  private let executor = ThreadExecutor(name: "redis")
  private var connection: RedisConnection?
  /// What it was opened with.
  private var openedWith: RedisURL?
  private(set) var runID: String?
  private var backoff = Backoff(floorMilliseconds: 50, ceilingMilliseconds: 500)
  private var failure = RedisError.connectionLost("not connected yet")
  private var nextAttempt: ContinuousClock.Instant?

  nonisolated var unownedExecutor: UnownedSerialExecutor { executor.asUnownedSerialExecutor() }

  init(address: RedisAddress, timeouts: RedisConnection.Timeouts) {
    self.address = address
    self.timeouts = timeouts
  }

  func exchange(_ groups: [[RedisCommand]]) throws(RedisError) -> [[RedisReply]] {
    let commands = groups.count == 1 ? groups[0] : groups.flatMap { $0 }
    var replies = try exchange(commands)[...]
    return groups.map { group in
      defer { replies = replies.dropFirst(group.count) }
      return Array(replies.prefix(group.count))
    }
  }

  private func exchange(_ commands: [RedisCommand]) throws(RedisError) -> [RedisReply] {
    let isFresh = try connectIfNeeded()
    do throws(RedisError) {
      return try exchangeOnce(commands)
    } catch {
      // A server that was restarted since the last command: it may well be back.
      guard !isFresh, error != .connectionLost("no answer in time") else { throw error }
      nextAttempt = nil
      _ = try connectIfNeeded()
      return try exchangeOnce(commands)
    }
  }

  private func exchangeOnce(_ commands: [RedisCommand]) throws(RedisError) -> [RedisReply] {
    do throws(RedisError) {
      let replies = try connection?.pipeline(commands) ?? []
      backoff.reset()
      return replies
    } catch {
      connection = nil
      giveUp(error)
      throw error
    }
  }

  /// - Returns: whether the connection is a new one.
  private func connectIfNeeded() throws(RedisError) -> Bool {
    let url = address.url
    if connection != nil && openedWith == url { return false }
    if openedWith != url { nextAttempt = nil }
    connection = nil
    openedWith = url
    if let nextAttempt, ContinuousClock.now < nextAttempt { throw failure }
    do throws(RedisError) {
      let made = try RedisConnection.open(url, timeouts: timeouts)
      runID = made.runID
      connection = consume made
      nextAttempt = nil
      return true
    } catch {
      giveUp(error)
      throw error
    }
  }

  private func giveUp(_ error: RedisError) {
    failure = error
    nextAttempt = .now + backoff.next(random: .random(in: 0..<1))
  }
}
