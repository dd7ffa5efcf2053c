import CZeroMQ

/// What ZeroMQ refused, and why.
package struct ZMQError: Error, Equatable, CustomStringConvertible {
  /// The call that failed: `zmq_bind`, …
  package let call: String
  /// Its `errno`.
  package let code: Int32

  /// Reads the calling thread's `errno`, so make it right after the call.
  init(call: String) {
    self.call = call
    code = zmq_errno()
  }

  package var description: String { "\(call): \(String(cString: zmq_strerror(code)))" }
}
