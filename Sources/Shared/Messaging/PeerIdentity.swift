/// The bytes by which a ROUTER knows one connection: chosen by the peer, or made up by ZeroMQ.
package struct PeerIdentity: Hashable, Sendable, CustomStringConvertible {
  /// ZeroMQ's own bound.
  package static let byteLimit = 255

  package let bytes: [UInt8]

  package init(_ bytes: [UInt8]) { self.bytes = bytes }

  /// All bytes in one go, since every record that is sent or received looks one up.
  package func hash(into hasher: inout Hasher) {
    bytes.withUnsafeBytes { hasher.combine(bytes: $0) }
  }

  /// For logs: text where the bytes are text.
  package var description: String { String(decoding: bytes, as: UTF8.self) }

  /// A fresh one: `name`, cut to what fits, and 64 random bits, so that no two connections share
  /// it.
  package static func unique(
    name: String, using generator: inout some RandomNumberGenerator
  ) -> PeerIdentity {
    let tail = "." + String(generator.next() as UInt64, radix: 16)
    // ZeroMQ keeps identities that begin with a zero byte for itself.
    let head = "s." + name
    return PeerIdentity(Array(head.utf8.prefix(byteLimit - tail.utf8.count)) + Array(tail.utf8))
  }
}
