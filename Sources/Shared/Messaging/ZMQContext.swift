import CZeroMQ

/// ZeroMQ's I/O thread and what its sockets share. Each socket keeps it alive; with the last one it
/// ends.
package final class ZMQContext: @unchecked Sendable {
  // @unchecked: a ZeroMQ context may be used from any thread, and the pointer never changes.
  let handle: UnsafeMutableRawPointer

  /// - Throws: when the process has no file descriptor left.
  package init() throws(ZMQError) {
    guard let handle = zmq_ctx_new() else { throw ZMQError(call: "zmq_ctx_new") }
    self.handle = handle
  }

  deinit { while zmq_ctx_term(handle) != 0 && zmq_errno() == EINTR {} }
}
