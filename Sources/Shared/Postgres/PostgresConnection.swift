import CPostgreSQL
import Glibc

/// One connection to PostgreSQL. Its calls block, each for a bounded time: it lives on a thread of
/// its own (`PostgresPool`), or in a tool that may block.
package struct PostgresConnection: ~Copyable {
  /// Prepared statements kept on the server; what comes after is prepared each time it runs.
  package static let preparedLimit = 256
  /// How much longer than the server's own limit we wait before we hold the connection for dead.
  private static let answerGrace = Duration.seconds(1)

  private let handle: OpaquePointer
  private var prepared: [StatementKey: String] = [:]
  private(set) var statementTimeout: Duration?
  /// Nothing more can be done with it but drop it.
  private(set) var isLost = false
  /// It was lost by silence, so trying again at once would only wait as long again.
  private(set) var wasSilent = false
  /// Since the last `beginJob`: a commit was sent, so a transaction may have happened.
  private(set) var hasSentCommit = false
  /// A transaction that nothing was asked in yet: its BEGIN goes with the first statement.
  private var isBeginDue = false

  private struct StatementKey: Hashable {
    let sql: String
    let types: [UInt32]
  }

  /// Opens a connection.
  ///
  /// - Parameters:
  ///   - dsn: a libpq connection string or `postgresql://` URI. It wins over our defaults.
  ///   - statementTimeout: the server's limit for one statement; nil: none.
  package static func open(
    dsn: String, connectTimeout: Duration = .seconds(3), statementTimeout: Duration? = .seconds(5)
  ) throws(PostgresError) -> PostgresConnection {
    let handle = try connect(dsn: dsn, until: ContinuousClock.now + connectTimeout)
    var connection = PostgresConnection(taking: handle)
    try connection.setStatementTimeout(statementTimeout)
    return connection
  }

  private init(taking handle: OpaquePointer) {
    self.handle = handle
    // Notices would go to standard error.
    PQsetNoticeProcessor(handle, { _, _ in }, nil)
    PQsetnonblocking(handle, 1)
  }

  deinit { PQfinish(handle) }

  /// Runs one statement with its parameters `$1`, `$2` …
  ///
  /// - Parameter preparing: true: prepared once, however often it is repeated. False: planned for
  ///   these very parameters, where a plan that is good for all would be bad for most.
  @discardableResult
  package mutating func execute(
    _ sql: String, _ parameters: [PostgresValue] = [], preparing: Bool = true
  ) throws(PostgresError) -> PostgresResult {
    try beginIfDue()
    let types = parameters.map(\.oid)
    let name = preparing ? try statementName(StatementKey(sql: sql, types: types)) : nil
    let encoded = EncodedParameters(parameters)
    let isSent = encoded.withPointers { values, lengths, formats in
      let count = Int32(parameters.count)
      return if let name {
        PQsendQueryPrepared(handle, name, count, values, lengths, formats, 1)
      } else {
        PQsendQueryParams(handle, sql, count, types, values, lengths, formats, 1)
      }
    }
    return try finish(isSent)
  }

  /// Runs statements in their order and in one round trip; none that follows one that fails. Each result
  /// stands where its statement does.
  ///
  /// - Parameter committing: the transaction ends with them.
  package mutating func execute(
    together statements: [PostgresStatement], committing: Bool = false
  ) throws(PostgresError) -> [PostgresResult] {
    let isBeginning = isBeginDue
    isBeginDue = false
    if committing { hasSentCommit = true }
    var results = try send(
      (isBeginning ? [.begin] : []) + statements + (committing ? [.commit] : []))
    if isBeginning { results.removeFirst() }
    if committing { results.removeLast() }
    return results
  }

  private mutating func send(
    _ statements: [PostgresStatement]
  ) throws(PostgresError) -> [PostgresResult] {
    // Prepared before, one by one, so that all of a pipeline's results are its statements'.
    var names: [String] = []
    for statement in statements {
      let types = statement.parameters.map(\.oid)
      names.append(try statementName(StatementKey(sql: statement.sql, types: types)))
    }
    if names.contains("") {
      // More than are kept. An unnamed one would be gone with the next.
      return try statements.map { statement throws(PostgresError) in
        try execute(statement.sql, statement.parameters)
      }
    }
    guard PQenterPipelineMode(handle) == 1 else { throw lose() }
    for (statement, name) in zip(statements, names) {
      let encoded = EncodedParameters(statement.parameters)
      let isSent = encoded.withPointers { values, lengths, formats in
        PQsendQueryPrepared(
          handle, name, Int32(statement.parameters.count), values, lengths, formats, 1)
      }
      guard isSent == 1 else { throw lose() }
    }
    guard PQpipelineSync(handle) == 1 else { throw lose() }
    var results: [PostgresResult] = []
    var failure: PostgresError?
    for _ in statements {
      do throws(PostgresError) {
        results.append(try finish(1))
      } catch {
        if isLost { throw error }
        // What follows is said to have been passed over.
        failure = failure ?? error
      }
    }
    try finishPipeline()
    if let failure { throw failure }
    return results
  }

  private mutating func finishPipeline() throws(PostgresError) {
    try awaitAnswer(until: answerDeadline)
    guard let last = PQgetResult(handle) else { throw lose() }
    let status = PQresultStatus(last)
    PQclear(last)
    guard status == PGRES_PIPELINE_SYNC, PQexitPipelineMode(handle) == 1 else { throw lose() }
  }

  /// Runs a script of any number of statements, without parameters. Outside a transaction it is one
  /// of its own.
  package mutating func executeScript(_ sql: String) throws(PostgresError) {
    try beginIfDue()
    _ = try finish(PQsendQuery(handle, sql))
  }

  /// Runs `body` in a transaction, which is rolled back when it throws.
  @discardableResult
  package mutating func inTransaction<Value>(
    _ body: (inout PostgresConnection) throws -> Value
  ) throws -> Value {
    isBeginDue = true
    defer { isBeginDue = false }
    let value: Value
    do {
      value = try body(&self)
    } catch {
      // Should this fail too, the session sees the open transaction and drops the connection.
      if isInTransaction { _ = try? execute("ROLLBACK") }
      throw error
    }
    if isInTransaction {
      hasSentCommit = true
      try execute("COMMIT")
    }
    return value
  }

  private var isInTransaction: Bool {
    !isLost && PQtransactionStatus(handle) != PQTRANS_IDLE
  }

  private mutating func beginIfDue() throws(PostgresError) {
    if isBeginDue { _ = try execute(together: []) }
  }

  /// Whoever stands still as long within a transaction loses it, so that it can't keep others from the
  /// rows that it has locked.
  ///
  /// - Parameter timeout: for each statement from now on; nil: none.
  package mutating func setStatementTimeout(_ timeout: Duration?) throws(PostgresError) {
    let milliseconds = timeout.map { max(1, Int($0 / .milliseconds(1))) } ?? 0
    statementTimeout = timeout
    try executeScript(
      """
      SET statement_timeout = \(milliseconds);
      SET idle_in_transaction_session_timeout = \(milliseconds)
      """)
  }

  /// Forgets what the last job did, and finds out without a round trip whether the server hung up
  /// meanwhile.
  mutating func beginJob() {
    hasSentCommit = false
    var descriptor = pollfd(fd: PQsocket(handle), events: Int16(POLLIN), revents: 0)
    if poll(&descriptor, 1, 0) > 0 {
      isLost = PQconsumeInput(handle) == 0 || PQstatus(handle) != CONNECTION_OK
    }
  }

  /// Whether another job may use it.
  var isReusable: Bool { !isLost && PQtransactionStatus(handle) == PQTRANS_IDLE }

  // MARK: Inside

  private mutating func statementName(_ key: StatementKey) throws(PostgresError) -> String {
    if let name = prepared[key] { return name }
    let isKept = prepared.count < Self.preparedLimit
    // The unnamed statement lives until the next one is prepared.
    let name = isKept ? "s\(prepared.count)" : ""
    let count = Int32(key.types.count)
    _ = try finish(PQsendPrepare(handle, name, key.sql, count, key.types))
    if isKept { prepared[key] = name }
    return name
  }

  /// Waits for everything that the statement just sent gives; the last result counts, or the first
  /// error.
  private mutating func finish(_ isSent: Int32) throws(PostgresError) -> PostgresResult {
    guard isSent == 1 else { throw lose() }
    let deadline = answerDeadline
    var last: PostgresResult?
    var failure: PostgresError?
    while true {
      try awaitAnswer(until: deadline)
      guard let handle = PQgetResult(handle) else { break }
      let result = PostgresResult(taking: handle)
      switch PQresultStatus(handle) {
      case PGRES_COMMAND_OK, PGRES_TUPLES_OK, PGRES_EMPTY_QUERY: last = result
      case PGRES_PIPELINE_ABORTED:
        failure = failure ?? PostgresError(.refused, "what it stood behind has failed")
      default: failure = failure ?? Self.failure(of: handle)
      }
    }
    if PQstatus(handle) != CONNECTION_OK || failure?.isConnectionLost == true {
      isLost = true
      throw failure ?? lose()
    }
    if let failure { throw failure }
    guard let last else { throw PostgresError(.unexpectedResult, "the server gave no result") }
    return last
  }

  private var answerDeadline: ContinuousClock.Instant? {
    statementTimeout.map { ContinuousClock.now + $0 + Self.answerGrace }
  }

  /// Sends what is still to be sent and reads until a whole result is there.
  private mutating func awaitAnswer(
    until deadline: ContinuousClock.Instant?
  ) throws(PostgresError) {
    while true {
      let unsent = PQflush(handle)
      if unsent < 0 { throw lose() }
      if unsent == 0 && PQisBusy(handle) == 0 { return }
      let events = unsent > 0 ? POLLIN | POLLOUT : POLLIN
      guard Self.wait(for: events, on: PQsocket(handle), until: deadline) else {
        isLost = true
        wasSilent = true
        throw PostgresError(.timedOut, "no answer in time")
      }
      if PQconsumeInput(handle) == 0 { throw lose() }
    }
  }

  private mutating func lose() -> PostgresError {
    isLost = true
    return PostgresError(.connectionLost, Self.message(of: handle))
  }

  private static func failure(of result: OpaquePointer) -> PostgresError {
    let state = PQresultErrorField(result, Int32(UInt8(ascii: "C"))).map { String(cString: $0) }
    let text = PQresultErrorField(result, Int32(UInt8(ascii: "M"))).map { String(cString: $0) }
    // An error that libpq made up itself carries no state: the server is gone.
    return PostgresError(
      state == nil ? .connectionLost : .refused, sqlState: state, text ?? "no answer")
  }

  private static func message(of handle: OpaquePointer) -> String {
    let text = String(cString: PQerrorMessage(handle))
    return text.split(separator: "\n").joined(separator: " ")
  }

  private static func connect(
    dsn: String, until deadline: ContinuousClock.Instant
  ) throws(PostgresError) -> OpaquePointer {
    // What stands before the connection string is a default, what stands after it wins over it.
    let options: [(String, String)] = [
      ("application_name", "poolhub"), ("keepalives_idle", "5"), ("keepalives_interval", "2"),
      ("keepalives_count", "3"), ("tcp_user_timeout", "10000"), ("dbname", dsn),
      ("client_encoding", "UTF8"),
    ]
    let keywords = CStrings(options.map(\.0))
    let values = CStrings(options.map(\.1))
    guard let handle = PQconnectStartParams(keywords.pointers, values.pointers, 1) else {
      throw PostgresError(.unavailable, "out of memory")
    }
    var step = PGRES_POLLING_WRITING
    while step == PGRES_POLLING_READING || step == PGRES_POLLING_WRITING {
      if PQstatus(handle) == CONNECTION_BAD { break }
      let events = step == PGRES_POLLING_READING ? POLLIN : POLLOUT
      guard wait(for: events, on: PQsocket(handle), until: deadline) else {
        PQfinish(handle)
        throw PostgresError(.unavailable, "no connection in time")
      }
      step = PQconnectPoll(handle)
    }
    if PQstatus(handle) == CONNECTION_OK { return handle }
    let reason = message(of: handle)
    PQfinish(handle)
    throw PostgresError(.unavailable, reason)
  }

  /// - Returns: false when nothing happened in time.
  private static func wait(
    for events: Int32, on socket: Int32, until deadline: ContinuousClock.Instant?
  ) -> Bool {
    while true {
      var milliseconds: Int32 = -1
      if let deadline {
        let left = deadline - ContinuousClock.now
        if left <= .zero { return false }
        milliseconds = Int32(min(left / .milliseconds(1) + 1, 1_000_000))
      }
      var descriptor = pollfd(fd: socket, events: Int16(events), revents: 0)
      let ready = poll(&descriptor, 1, milliseconds)
      if ready > 0 { return true }
      if ready < 0 && errno != EINTR { return true }
    }
  }
}

/// A null-ended array of C strings that frees them when it goes.
private struct CStrings: ~Copyable {
  let pointers: [UnsafePointer<CChar>?]

  init(_ strings: [String]) { pointers = strings.map { UnsafePointer(strdup($0)) } + [nil] }

  deinit { for case let pointer? in pointers { free(UnsafeMutablePointer(mutating: pointer)) } }
}
