/// What Redis answered to one command.
package enum RedisReply: Equatable, Sendable {
  case string([UInt8])
  case integer(Int64)
  case array([RedisReply])
  case null
  /// `OK`, `PONG` and the like.
  case status(String)
  /// The server refused the command: its words, beginning with a code such as `WRONGTYPE`.
  case error(String)

  package var bytes: [UInt8]? {
    if case .string(let bytes) = self { bytes } else { nil }
  }

  package var text: String? {
    switch self {
    case .string(let bytes): String(decoding: bytes, as: UTF8.self)
    case .status(let text): text
    default: nil
    }
  }

  package var integer: Int64? {
    if case .integer(let value) = self { value } else { nil }
  }

  package var elements: [RedisReply]? {
    if case .array(let elements) = self { elements } else { nil }
  }

  /// The reply, unless it is an error.
  package func get() throws(RedisError) -> RedisReply {
    if case .error(let message) = self { throw .server(message) }
    return self
  }
}

/// Why a command has no useful reply.
package enum RedisError: Error, Equatable, Sendable, CustomStringConvertible {
  /// Redis is out of reach, or went out of reach before it had answered, so that the command may or may
  /// not have been carried out. The reason is short and names no address.
  case connectionLost(String)
  /// The server's own words.
  case server(String)
  /// A reply of another shape than the command has, or bytes that aren't Redis's protocol.
  case protocolViolation(String)
  /// Too many callers wait already.
  case overloaded

  /// Fit to be shown to anyone: of the server's words only the code they begin with.
  package var shortReason: String {
    guard case .server(let message) = self else { return description }
    return "refused (\(message.prefix { $0 != " " }))"
  }

  package var description: String {
    switch self {
    case .connectionLost(let reason): reason
    case .server(let message): "refused: \(message)"
    case .protocolViolation(let what): "unexpected reply: \(what)"
    case .overloaded: "too many commands are waiting"
    }
  }
}
