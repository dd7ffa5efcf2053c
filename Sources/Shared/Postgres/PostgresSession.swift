import Threads

/// A connection on a thread of its own, opened when it is first needed and again when it broke.
actor PostgresSession {
  private let executor = ThreadExecutor(name: "postgres")
  nonisolated var unownedExecutor: UnownedSerialExecutor { executor.asUnownedSerialExecutor() }

  private let dsn: @Sendable () -> String
  private let connectTimeout: Duration
  private let statementTimeout: Duration
  private var connection: PostgresConnection?
  /// What it was opened with.
  private var openedWith: String?
  /// Connections opened so far.
  private(set) var openedCount = 0

  /// - Parameter dsn: asked before each use; a connection opened with another one is given up.
  init(dsn: @escaping @Sendable () -> String, connectTimeout: Duration, statementTimeout: Duration)
  {
    self.dsn = dsn
    self.connectTimeout = connectTimeout
    self.statementTimeout = statementTimeout
  }

  /// Runs `body`; should the connection break under it before it sent a commit, once more on a new
  /// one.
  func run<Value: Sendable>(
    _ body: @Sendable (inout PostgresConnection) throws -> Value
  ) throws -> Value {
    var isSecondTry = false
    while true {
      var current = try takeConnection()
      do {
        let value = try body(&current)
        if current.isReusable { connection = consume current }
        return value
      } catch {
        let mayRetry =
          current.isLost && !current.wasSilent && !current.hasSentCommit && !isSecondTry
        if current.isReusable { connection = consume current }
        if !mayRetry { throw error }
        isSecondTry = true
      }
    }
  }

  func close() { connection = nil }

  private func takeConnection() throws(PostgresError) -> PostgresConnection {
    let dsn = dsn()
    if var current = connection.take(), openedWith == dsn {
      current.beginJob()
      if !current.isLost { return current }
    }
    openedCount += 1
    openedWith = dsn
    return try PostgresConnection.open(
      dsn: dsn, connectTimeout: connectTimeout, statementTimeout: statementTimeout)
  }
}
