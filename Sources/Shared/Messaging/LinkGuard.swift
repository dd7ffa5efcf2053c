import CZeroMQ

/// The doorkeeper of a CURVE gateway: ZeroMQ asks it about the key of each peer that wants to link up (its
/// ZAP, RFC 27).
///
/// A stranger is told to try again later (status 300), which ZeroMQ does by hanging up with no answer: so
/// a scorer whose key is let in tomorrow joins by itself.
struct LinkGuard: ~Copyable {
  private static let endpoint = "inproc://zeromq.zap.01"
  private static let version = Array("1.0".utf8)
  /// Version, request id, domain, address, routing id, mechanism, key; before them the asker's own
  /// address and an empty part.
  private static let partCount = 9

  private let socket: ZMQSocket
  private let allowed: Set<[UInt8]>

  /// To be opened before the socket that it guards is bound.
  /// - Returns: nil when there is nothing to guard.
  static func open(for curve: Curve?, in context: ZMQContext) throws(ZMQError) -> LinkGuard? {
    guard case .gateway(_, let scorers) = curve else { return nil }
    let socket = try ZMQSocket.open(.router, in: context, options: ZMQOptions())
    try socket.bind(endpoint)
    return LinkGuard(socket: socket, allowed: Set(scorers.map(\.bytes)))
  }

  private init(socket: consuming ZMQSocket, allowed: Set<[UInt8]>) {
    self.socket = socket
    self.allowed = allowed
  }

  var handle: UnsafeMutableRawPointer { socket.handle }

  /// Answers whatever was asked since the last call.
  /// - Returns: those who were refused.
  func answerAll() throws(ZMQError) -> [LinkRefusal] {
    var refused: [LinkRefusal] = []
    while true {
      var parts: [[UInt8]] = []
      let isAsked = try socket.receive { part, _ in
        if parts.count < Self.partCount { parts.append(Array(part)) }
      }
      guard isAsked else { return refused }
      guard parts.count == Self.partCount, parts[2] == Self.version else { continue }
      let isAllowed = parts[7] == Array("CURVE".utf8) && allowed.contains(parts[8])
      let status = isAllowed ? ("200", "OK") : ("300", "unknown key")
      _ = try socket.send([
        parts[0], [], Self.version, parts[3], Array(status.0.utf8), Array(status.1.utf8), [], [],
      ])
      if !isAllowed {
        refused.append(.unknownKey(address: String(decoding: parts[5], as: UTF8.self)))
      }
    }
  }
}

/// Why somebody who connected got no link.
package enum LinkRefusal: Equatable, Sendable {
  /// A scorer whose key isn't among those that may join.
  case unknownKey(address: String)
  /// So many connections that didn't speak as they should: plain where CURVE is on, or no ZeroMQ at all.
  case handshakes(Int)
}
