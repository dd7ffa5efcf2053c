import CZeroMQ
import Glibc

/// A ROUTER or DEALER. Belongs to the thread that uses it, and closes when it goes out of use.
package struct ZMQSocket: ~Copyable {
  package enum Kind: Sendable { case router, dealer }

  /// What became of a message that was handed over for sending.
  package enum SendOutcome: Equatable, Sendable {
    case sent
    /// Its queue is at the limit, or (DEALER) no connection stands.
    case full
    /// No such peer is connected (ROUTER).
    case unreachable
  }

  let kind: Kind
  let handle: UnsafeMutableRawPointer
  private let context: ZMQContext
  private let curve: Curve?
  /// Where ZeroMQ tells of handshakes that failed; nil: nobody asked for it.
  private let monitor: UnsafeMutableRawPointer?
  /// Reused for every part received: `zmq_msg_recv` frees what it held before.
  private let part: UnsafeMutablePointer<zmq_msg_t>

  /// - Throws: when an option is refused or no socket is left (1,023 a context).
  package static func open(
    _ kind: Kind, in context: ZMQContext, options: ZMQOptions
  ) throws(ZMQError) -> ZMQSocket {
    guard let handle = zmq_socket(context.handle, kind == .router ? ZMQ_ROUTER : ZMQ_DEALER) else {
      throw ZMQError(call: "zmq_socket")
    }
    let socket = ZMQSocket(
      kind: kind, handle: handle, context: context, curve: options.curve,
      monitor: options.watchesHandshakes ? openMonitor(of: handle, in: context) : nil)
    try socket.apply(options)
    return socket
  }

  private init(
    kind: Kind, handle: UnsafeMutableRawPointer, context: ZMQContext, curve: Curve?,
    monitor: UnsafeMutableRawPointer?
  ) {
    self.kind = kind
    self.handle = handle
    self.context = context
    self.curve = curve
    self.monitor = monitor
    part = .allocate(capacity: 1)
    zmq_msg_init(part)
  }

  deinit {
    zmq_msg_close(part)
    part.deallocate()
    if let monitor {
      // First: ZeroMQ would wait for ever for somebody to read what it tells.
      zmq_socket_monitor(handle, nil, 0)
      zmq_close(monitor)
    }
    zmq_close(handle)
  }

  /// - Parameter endpoint: `tcp://address:port`, with `*` for any free port, or `ipc:///path`.
  package func bind(_ endpoint: String) throws(ZMQError) {
    if zmq_bind(handle, endpoint) != 0 { throw ZMQError(call: "zmq_bind \(endpoint)") }
  }

  /// Connects now or whenever something listens there, and again after each loss.
  package func connect(_ endpoint: String) throws(ZMQError) {
    if case .scorer(_, let gateways) = curve { try setServerKey(gateways[endpoint]) }
    if zmq_connect(handle, endpoint) != 0 { throw ZMQError(call: "zmq_connect \(endpoint)") }
  }

  /// Connects anew, whatever became of the connection before.
  func reconnect(_ endpoint: String) throws(ZMQError) {
    // Fails where ZeroMQ has given it up, which is the reason to come here.
    zmq_disconnect(handle, endpoint)
    try connect(endpoint)
  }

  /// Where the last `bind` ended up, with the port that was found.
  package func boundEndpoint() throws(ZMQError) -> String {
    var text = [UInt8](repeating: 0, count: 1_024)
    var count = text.count
    if zmq_getsockopt(handle, ZMQ_LAST_ENDPOINT, &text, &count) != 0 {
      throw ZMQError(call: "zmq_getsockopt")
    }
    return String(decoding: text.prefix(max(0, count - 1)), as: UTF8.self)
  }

  /// Sends a message of one part without waiting (DEALER).
  package func send(_ frame: UnsafeRawBufferPointer) throws(ZMQError) -> SendOutcome {
    try send(frame, more: false)
  }

  /// Sends a message of one part to one peer without waiting (ROUTER).
  package func send(
    _ frame: UnsafeRawBufferPointer, to peer: PeerIdentity
  ) throws(ZMQError) -> SendOutcome {
    // Only the address can be refused; what follows it is taken, or dropped with its connection.
    let addressed = try send(peer.bytes, more: true)
    return addressed == .sent ? try send(frame, more: false) : addressed
  }

  /// Sends a message of several parts without waiting.
  func send(_ parts: [[UInt8]]) throws(ZMQError) -> SendOutcome {
    for (index, part) in parts.enumerated() {
      let outcome = try send(part, more: index < parts.count - 1)
      if outcome != .sent { return outcome }
    }
    return .sent
  }

  private func send(_ part: [UInt8], more: Bool) throws(ZMQError) -> SendOutcome {
    try part.span.bytes.withUnsafeBytes { (part) throws(ZMQError) in try send(part, more: more) }
  }

  private func send(
    _ part: UnsafeRawBufferPointer, more: Bool
  ) throws(ZMQError) -> SendOutcome {
    let flags = ZMQ_DONTWAIT | (more ? ZMQ_SNDMORE : 0)
    while zmq_send(handle, part.baseAddress, part.count, flags) < 0 {
      switch zmq_errno() {
      case EINTR: continue
      case EAGAIN: return .full
      case EHOSTUNREACH: return .unreachable
      default: throw ZMQError(call: "zmq_send")
      }
    }
    return .sent
  }

  /// Takes the next message without waiting, calling `body` with each of its parts in order.
  ///
  /// The bytes are ZeroMQ's and end with the call.
  /// - Returns: false when no message waits.
  package func receive(
    _ body: (_ part: UnsafeRawBufferPointer, _ index: Int) -> Void
  ) throws(ZMQError) -> Bool {
    var index = 0
    repeat {
      while zmq_msg_recv(part, handle, ZMQ_DONTWAIT) < 0 {
        switch zmq_errno() {
        case EINTR: continue
        case EAGAIN: return false
        default: throw ZMQError(call: "zmq_msg_recv")
        }
      }
      body(UnsafeRawBufferPointer(start: zmq_msg_data(part), count: zmq_msg_size(part)), index)
      index += 1
    } while zmq_msg_more(part) != 0
    return true
  }

  /// Handshakes that failed since the last call.
  func takeFailedHandshakes() -> Int {
    guard let monitor else { return 0 }
    var count = 0
    while zmq_msg_recv(part, monitor, ZMQ_DONTWAIT) >= 0 {
      // An event is two parts: what happened, and at which endpoint.
      if zmq_msg_more(part) != 0 { count += 1 }
    }
    return count
  }

  /// - Returns: nil when no socket is left; then nothing is counted.
  private static func openMonitor(
    of handle: UnsafeMutableRawPointer, in context: ZMQContext
  ) -> UnsafeMutableRawPointer? {
    let endpoint = "inproc://handshakes-\(UInt(bitPattern: handle))"
    let failures =
      ZMQ_EVENT_HANDSHAKE_FAILED_NO_DETAIL | ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL
      | ZMQ_EVENT_HANDSHAKE_FAILED_AUTH
    guard zmq_socket_monitor(handle, endpoint, failures) == 0,
      let monitor = zmq_socket(context.handle, ZMQ_PAIR)
    else { return nil }
    // No limit: past one ZeroMQ's own thread would wait for us.
    var none: Int32 = 0
    zmq_setsockopt(monitor, ZMQ_RCVHWM, &none, MemoryLayout<Int32>.size)
    zmq_setsockopt(monitor, ZMQ_LINGER, &none, MemoryLayout<Int32>.size)
    if zmq_connect(monitor, endpoint) == 0 { return monitor }
    zmq_socket_monitor(handle, nil, 0)
    zmq_close(monitor)
    return nil
  }
}
