import CZeroMQ
import Wire

/// How a socket behaves. Every queue has a bound.
package struct ZMQOptions: Sendable {
  /// Frames that wait unsent for one peer; past it sending says `full`.
  package var sendLimitFrames: Int32 = 4_096
  /// Frames that wait unread from one peer; past it ZeroMQ reads no more from the peer's
  /// connection.
  package var receiveLimitFrames: Int32 = 4_096
  /// A longer message closes the connection that it came over.
  package var messageLimitBytes: Int64 = FrameBatch.messageLimitBytes
  /// How long closing waits for unsent frames; 0: not at all.
  package var lingerMilliseconds: Int32 = 0
  /// ZeroMQ's own ping, which ends connections whose host is gone; nil: none.
  package var heartbeatMilliseconds: Int32? = 2_000
  package var reconnectMilliseconds: Int32 = 50
  package var reconnectMaxMilliseconds: Int32 = 250
  /// The longest that one attempt to connect takes. Without it a host that was out of reach is found
  /// again only when TCP, whose pauses double, tries again.
  package var connectMilliseconds: Int32 = 1_000
  /// Frames are queued for established connections only.
  package var isImmediate = true
  /// A connection that doesn't say who it is for so long is closed.
  package var handshakeMilliseconds: Int32 = 2_000
  /// Whether failed handshakes are counted, to be asked for by `takeFailedHandshakes`.
  var watchesHandshakes = false
  /// nil: links are plain.
  package var curve: Curve?
  /// A DEALER's name at the ROUTER.
  package var routingID: PeerIdentity?

  package init() {}
}

extension ZMQSocket {
  func apply(_ options: ZMQOptions) throws(ZMQError) {
    try set(ZMQ_LINGER, options.lingerMilliseconds)
    try set(ZMQ_SNDHWM, options.sendLimitFrames)
    try set(ZMQ_RCVHWM, options.receiveLimitFrames)
    try set(ZMQ_MAXMSGSIZE, options.messageLimitBytes)
    try set(ZMQ_IPV6, Int32(1))
    try set(ZMQ_HANDSHAKE_IVL, options.handshakeMilliseconds)
    try set(ZMQ_RECONNECT_IVL, options.reconnectMilliseconds)
    try set(ZMQ_RECONNECT_IVL_MAX, options.reconnectMaxMilliseconds)
    try set(ZMQ_CONNECT_TIMEOUT, options.connectMilliseconds)
    if let interval = options.heartbeatMilliseconds {
      try set(ZMQ_HEARTBEAT_IVL, interval)
      try set(ZMQ_HEARTBEAT_TIMEOUT, interval * 2)
      // In tenths of a second: what the other side is told about how long to wait for us.
      try set(ZMQ_HEARTBEAT_TTL, interval * 3)
    }
    if let curve = options.curve { try apply(curve) }
    switch kind {
    case .router:
      // An unknown peer is an error instead of silence, and a peer that reconnects is the new one.
      try set(ZMQ_ROUTER_MANDATORY, Int32(1))
      try set(ZMQ_ROUTER_HANDOVER, Int32(1))
    case .dealer:
      try set(ZMQ_IMMEDIATE, Int32(options.isImmediate ? 1 : 0))
      if let identity = options.routingID { try set(ZMQ_ROUTING_ID, identity.bytes) }
    }
  }

  private func apply(_ curve: Curve) throws(ZMQError) {
    switch curve {
    case .gateway(let keys, _):
      try set(ZMQ_CURVE_SERVER, Int32(1))
      try set(ZMQ_CURVE_SECRETKEY, keys.secretKey.bytes)
    case .scorer(let keys, _):
      try set(ZMQ_CURVE_PUBLICKEY, keys.publicKey.bytes)
      try set(ZMQ_CURVE_SECRETKEY, keys.secretKey.bytes)
    }
  }

  /// Whom the next connection has to reach.
  func setServerKey(_ key: CurveKey) throws(ZMQError) { try set(ZMQ_CURVE_SERVERKEY, key.bytes) }

  /// Changes how long closing waits for unsent frames.
  package func setLinger(milliseconds: Int32) throws(ZMQError) {
    try set(ZMQ_LINGER, milliseconds)
  }

  private func set(_ option: Int32, _ value: some FixedWidthInteger) throws(ZMQError) {
    let failed = withUnsafePointer(to: value) {
      zmq_setsockopt(handle, option, $0, MemoryLayout.size(ofValue: value)) != 0
    }
    if failed { throw ZMQError(call: "zmq_setsockopt \(option)") }
  }

  private func set(_ option: Int32, _ bytes: [UInt8]) throws(ZMQError) {
    if zmq_setsockopt(handle, option, bytes, bytes.count) != 0 {
      throw ZMQError(call: "zmq_setsockopt \(option)")
    }
  }
}
