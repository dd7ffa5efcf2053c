import NIOCore
import NIOHTTP1

/// The limits of a port that serves HTTP/1.1 and WebSockets.
package struct OnePortConfiguration: Sendable {
  /// The longest single header field, and all of them together.
  package var headerFieldByteLimit = 16 * 1024
  package var headerListByteLimit = 32 * 1024
  package var headerCountLimit = 100
  /// Connections that may be without a first request at the same time; the oldest goes for a newer one.
  package var openingLimit = 1_024
  /// Told each time that one goes for that.
  package var onOpeningLimit: @Sendable () -> Void = {}
  /// From the connection's start to its first whole request head and the decision about an upgrade.
  package var handshakeTimeout: TimeAmount = .seconds(10)
  /// From a request's first head to its body's end: whoever sends more slowly is cut off.
  package var requestTimeout: TimeAmount = .seconds(30)
  /// What of one request's body is read at all, whoever takes it. Routes refuse far less; what they
  /// leave unread is thrown away up to here, then the connection ends.
  package var bodyByteLimit = 1024 * 1024
  /// HTTP connections at the same time, asked for each new one; beyond it those that have had nothing
  /// to do for longest go.
  package var connectionLimit: @Sendable () -> Int = { 4_096 }
  /// Told of each that goes for that.
  package var onConnectionLimit: @Sendable () -> Void = {}
  /// An HTTP connection with no request in progress is closed after this long.
  package var idleTimeout: TimeAmount = .seconds(75)
  /// While the port ends: how long who has just connected may take to send its request, and who was idle to notice.
  package var lastRequestTimeout: TimeAmount = .milliseconds(500)
  /// How long a refused connection may take to read its answer.
  package var lingerTimeout: TimeAmount = .seconds(2)
  /// A longer WebSocket frame reaches the session as an error, before its payload is read.
  package var webSocketFrameByteLimit = 16 * 1024
  /// Makes the answer for what the port itself refuses; the head is nil when none could be read.
  package var answer: @Sendable (PortFault, HTTPRequestHead?) -> ReadyResponse = { fault, _ in
    fault.problem
  }

  /// Adds what stands before HTTP in a new connection's pipeline, on its event loop.
  package var prepare: @Sendable (any Channel) throws -> Void = { _ in }

  /// What is answered without Hummingbird; nil: nothing.
  package var directRoute: (any DirectRoute)?

  package init() {}

  /// The longest head that is read past NIO's decoder; beyond it the limits above are the decoder's to keep.
  var plainHeadByteLimit: Int { min(4_096, headerFieldByteLimit, headerListByteLimit) }

  var decoderLimits: NIOHTTPDecoderLimitConfiguration {
    var limits = NIOHTTPDecoderLimitConfiguration()
    limits.maxHeaderFieldSize = headerFieldByteLimit
    limits.maxHeaderListSize = headerListByteLimit
    limits.maxHeaderFieldCount = headerCountLimit
    return limits
  }
}
