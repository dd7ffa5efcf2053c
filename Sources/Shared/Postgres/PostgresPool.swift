import Synchronization

/// A few sessions that many callers share.
///
/// While the server can't be reached every call fails at once, and one task of our own tries to get
/// through, less and less often.
package final class PostgresPool: Sendable {
  package struct Configuration: Sendable {
    /// A libpq connection string or `postgresql://` URI. Never logged: it may hold a password.
    package var dsn: String
    package var sessionCount = 4
    /// Callers that may wait for a session; one more is refused.
    package var queueLimit = 1_024
    package var connectTimeout = Duration.seconds(3)
    /// For one statement.
    package var statementTimeout = Duration.seconds(5)

    package init(dsn: String) { self.dsn = dsn }
  }

  /// What metrics show.
  package struct Statistics: Equatable, Sendable {
    /// Callers waiting for a session now.
    package var waitingCount = 0
    /// Sessions at work now.
    package var activeCount = 0
    /// Callers refused since the start because `queueLimit` was reached.
    package var refusedCount = 0
    /// Times that the server was found out of reach.
    package var outageCount = 0
  }

  /// The longest that the server may take over a sign of life.
  private static let probeTimeout = Duration.seconds(2)
  private static let writeProbeInterval = Duration.seconds(1)
  private static let probeDelays = (
    first: Duration.milliseconds(50), last: Duration.milliseconds(500)
  )

  private typealias Waiting = CheckedContinuation<PostgresSession, any Error>
  private struct State {
    var idle: [PostgresSession]
    var waiting: [Waiting] = []
    var outage: PostgresError?
    /// Why it takes no writes at present.
    var writeRefusal: PostgresError?
    var isClosed = false
    var statistics = Statistics()
  }

  private let address: Address
  private let queueLimit: Int
  private let state: Mutex<State>
  /// For health checks and for coming back, so that neither waits behind work.
  private let probe: PostgresSession

  package init(_ configuration: Configuration) {
    let address = Address(configuration.dsn)
    func session(limit: Duration = .seconds(3_600)) -> PostgresSession {
      PostgresSession(
        dsn: { address.dsn.withLock { $0 } },
        connectTimeout: min(configuration.connectTimeout, limit),
        statementTimeout: min(configuration.statementTimeout, limit))
    }
    self.address = address
    queueLimit = configuration.queueLimit
    state = Mutex(State(idle: (0..<max(1, configuration.sessionCount)).map { _ in session() }))
    probe = session(limit: Self.probeTimeout)
  }

  /// What sessions open their connections with.
  private final class Address: Sendable {
    let dsn: Mutex<String>
    init(_ dsn: String) { self.dsn = Mutex(dsn) }
  }

  /// Each session goes on with this one, once it has ended what it does.
  package func replace(dsn: String) { address.dsn.withLock { $0 = dsn } }

  package convenience init(dsn: String) { self.init(Configuration(dsn: dsn)) }

  /// Runs `body` on a free session's thread.
  ///
  /// When the connection breaks before a commit was sent, `body` is run once more on a new one:
  /// outside a transaction it may only send what may happen twice.
  ///
  /// - Throws: whatever `body` throws, and `PostgresError` with `isUnavailable` when the server
  ///   can't be reached or too many callers wait.
  package func run<Value: Sendable>(
    _ body: @Sendable @escaping (inout PostgresConnection) throws -> Value
  ) async throws -> Value {
    let session = try await takeSession()
    do {
      let value = try await session.run(body)
      giveBack(session)
      return value
    } catch {
      giveBack(session)
      noticeOutage(error)
      noticeWriteRefusal(error)
      throw error
    }
  }

  /// Asks the server for a sign of life.
  /// - Returns: nil when it answered, and takes writes as far as we know; else a short reason that gives
  ///   nothing away.
  package func check() async -> String? {
    if let fault = state.withLock({ $0.outage ?? $0.writeRefusal }) { return fault.shortReason }
    do {
      try await probe.run { connection in _ = try connection.execute("SELECT 1") }
      return nil
    } catch {
      noticeOutage(error)
      return (error as? PostgresError)?.shortReason ?? "failed"
    }
  }

  package var statistics: Statistics {
    state.withLock { state in
      var statistics = state.statistics
      statistics.waitingCount = state.waiting.count
      return statistics
    }
  }

  /// Refuses new callers and closes the connections that nobody uses; the others close after their
  /// work.
  package func close() async {
    let (idle, waiting) = state.withLock { state in
      state.isClosed = true
      defer { state.waiting = [] }
      return (state.idle, state.waiting)
    }
    for caller in waiting { caller.resume(throwing: Self.closed) }
    for session in idle { await session.close() }
    await probe.close()
  }

  // MARK: Sessions

  private static let closed = PostgresError(.unavailable, "the pool is closed")

  private func takeSession() async throws -> PostgresSession {
    try await withCheckedThrowingContinuation { (caller: Waiting) in
      let answer = state.withLock { state -> Result<PostgresSession, any Error>? in
        if state.isClosed { return .failure(Self.closed) }
        if let outage = state.outage { return .failure(outage) }
        // The one used last, so that few connections stay warm instead of many.
        if let session = state.idle.popLast() {
          state.statistics.activeCount += 1
          return .success(session)
        }
        if state.waiting.count >= queueLimit {
          state.statistics.refusedCount += 1
          return .failure(PostgresError(.busy, "\(queueLimit) callers wait already"))
        }
        state.waiting.append(caller)
        return nil
      }
      if let answer { caller.resume(with: answer) }
    }
  }

  private func giveBack(_ session: PostgresSession) {
    let (next, isClosed) = state.withLock { state -> (Waiting?, Bool) in
      if !state.waiting.isEmpty { return (state.waiting.removeFirst(), false) }
      state.idle.append(session)
      state.statistics.activeCount -= 1
      return (nil, state.isClosed)
    }
    next?.resume(returning: session)
    if isClosed { Task { await session.close() } }
  }

  // MARK: Outages

  /// An outage is when no connection can be had, or a server that holds one says nothing.
  private func noticeOutage(_ error: any Error) {
    guard let error = error as? PostgresError, error.kind == .unavailable || error.kind == .timedOut
    else { return }
    let outage = PostgresError(.unavailable, error.message)
    let waiting = state.withLock { state -> [Waiting]? in
      if state.outage != nil || state.isClosed { return nil }
      state.outage = outage
      state.statistics.outageCount += 1
      defer { state.waiting = [] }
      return state.waiting
    }
    guard let waiting else { return }
    for caller in waiting { caller.resume(throwing: outage) }
    Task { [weak self] in
      var delay = Self.probeDelays.first
      repeat {
        try? await Task.sleep(for: delay * Double.random(in: 0.8...1.2))
        delay = min(delay * 2, Self.probeDelays.last)
      } while await self?.endOutage() == false
    }
  }

  /// - Returns: false when the server is still out of reach.
  private func endOutage() async -> Bool {
    if state.withLock({ $0.isClosed }) { return true }
    do {
      try await probe.run { connection in _ = try connection.execute("SELECT 1") }
      state.withLock { $0.outage = nil }
      return true
    } catch {
      return false
    }
  }

  // MARK: Writes that are refused

  /// Callers go on trying, since some writes may still find room; health tells of it until one did that
  /// needs new room.
  private func noticeWriteRefusal(_ error: any Error) {
    guard let error = error as? PostgresError, error.isWriteRefusal else { return }
    let isNews = state.withLock { state in
      defer { state.writeRefusal = error }
      return state.writeRefusal == nil && !state.isClosed
    }
    guard isNews else { return }
    Task { [weak self] in
      repeat {
        try? await Task.sleep(for: Self.writeProbeInterval)
      } while await self?.endWriteRefusal() == false
    }
  }

  /// - Returns: false while the server refuses to write, or is out of reach.
  private func endWriteRefusal() async -> Bool {
    if state.withLock({ $0.isClosed }) { return true }
    do {
      try await probe.run { connection in try Self.writeSomething(connection: &connection) }
    } catch {
      guard let error = error as? PostgresError, !error.isWriteRefusal, !error.isConnectionLost
      else { return false }
      // It may not make temporary tables here, say: the next write of a caller will tell.
    }
    state.withLock { $0.writeRefusal = nil }
    return true
  }

  /// Makes a table that needs room of its own and leaves nothing of it.
  private static func writeSomething(connection: inout PostgresConnection) throws {
    try connection.execute("BEGIN")
    do {
      try connection.executeScript(
        """
        CREATE TEMPORARY TABLE poolhub_probe ON COMMIT DROP AS
          SELECT repeat(md5(number::text), 20) FROM generate_series(1, 200) AS number
        """)
    } catch {
      if !connection.isLost { _ = try? connection.execute("ROLLBACK") }
      throw error
    }
    try connection.execute("ROLLBACK")
  }
}
