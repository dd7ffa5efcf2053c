/// Why PostgreSQL did not do what it was asked.
package struct PostgresError: Error, Equatable, CustomStringConvertible {
  package enum Kind: Sendable {
    /// The server refused a statement; `sqlState` says why.
    case refused
    /// The connection broke while a statement was under way.
    case connectionLost
    /// The server did not answer a statement in time.
    case timedOut
    /// No connection can be had.
    case unavailable
    /// Too many callers wait for a session already.
    case busy
    /// An answer that isn't of the shape that was asked for.
    case unexpectedResult
  }

  package let kind: Kind
  /// Five characters, where the server gave them.
  package let sqlState: String?
  /// For logs, never for clients.
  package let message: String

  package init(_ kind: Kind, sqlState: String? = nil, _ message: String) {
    self.kind = kind
    self.sqlState = sqlState
    self.message = message
  }

  package var description: String {
    "PostgreSQL: \(message)" + (sqlState.map { " (\($0))" } ?? "")
  }

  /// The connection is gone, and with it every transaction that was open on it.
  package var isConnectionLost: Bool {
    kind == .connectionLost || kind == .timedOut || kind == .unavailable || isShutdown
  }

  /// Nothing is wrong with what was asked: the same may work a little later.
  package var isUnavailable: Bool {
    if isConnectionLost || kind == .busy { return true }
    // Cancelled by a timeout, a lock that was not to be had in time, deadlock, out of resources.
    guard let sqlState else { return false }
    return ["57014", "55P03", "40P01", "40001"].contains(sqlState) || isWriteRefusal
  }

  /// The server answers but writes nothing: its disk or memory is full or faulty, or it is a replica.
  package var isWriteRefusal: Bool {
    guard let sqlState else { return false }
    return sqlState.hasPrefix("53") || sqlState == "58030" || sqlState == "25006"
  }

  /// The transaction fell victim to another one's and may simply be run again.
  package var isConflict: Bool { sqlState == "40P01" || sqlState == "40001" }

  /// Says nothing of hosts, users or statements, so that it may be shown to anyone.
  package var shortReason: String {
    switch kind {
    case .refused: isShutdown ? "shutting down" : "refused (\(sqlState ?? "unknown"))"
    case .connectionLost: "connection lost"
    case .timedOut: "timed out"
    case .unavailable: "cannot connect"
    case .busy: "too many requests waiting"
    case .unexpectedResult: "unexpected answer"
    }
  }

  /// Admin shutdown, crash shutdown, cannot connect now.
  private var isShutdown: Bool { sqlState?.hasPrefix("57P0") ?? false }
}
