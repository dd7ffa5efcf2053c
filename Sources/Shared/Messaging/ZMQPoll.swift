import CZeroMQ
import Glibc
import Threads

/// Sleeps until one of several sockets has a message, someone rings, or time is up.
///
/// As `zmq_poll` does it (a socket's descriptor only tells that it is worth asking the socket), but
/// with one system call instead of two.
struct ZMQPoll: ~Copyable {
  private let sockets: [UnsafeMutableRawPointer]
  /// The sockets', and the bell's as the last.
  private let descriptors: UnsafeMutablePointer<pollfd>
  private let wakeup: Wakeup

  /// - Parameter sockets: of the calling thread; they outlive this.
  init(sockets: [UnsafeMutableRawPointer], wakeup: Wakeup) {
    self.sockets = sockets
    self.wakeup = wakeup
    descriptors = .allocate(capacity: sockets.count + 1)
    for (index, socket) in sockets.enumerated() {
      descriptors[index] = pollfd(
        fd: Self.option(ZMQ_FD, of: socket) ?? -1, events: Int16(POLLIN), revents: 0)
    }
    descriptors[sockets.count] = pollfd(
      fd: wakeup.fileDescriptor, events: Int16(POLLIN), revents: 0)
  }

  deinit { descriptors.deallocate() }

  /// - Returns: whether a socket has a message; else whether the bell rang, and it is silent again.
  func wait(timeoutMilliseconds: Int) throws(ZMQError) -> PollReadiness {
    // Whoever waits for nothing may name any time: poll knows none that is longer.
    var left = min(timeoutMilliseconds, Int(Int32.max))
    let end = MonotonicClock.microseconds() + Int64(left) * 1_000
    while true {
      // Asking takes what the descriptor told off it, so it must come before each sleep.
      if try hasMessages() { return PollReadiness(isRung: false, hasMessages: true) }
      let count = poll(descriptors, nfds_t(sockets.count + 1), Int32(clamping: left))
      if count < 0 {
        // A signal: nothing is ready, and the caller's loop comes round again.
        if errno == EINTR { return PollReadiness(isRung: false, hasMessages: false) }
        throw ZMQError(call: "poll")
      }
      let isRung = count > 0 && descriptors[sockets.count].revents != 0
      if isRung { wakeup.clear() }
      left = max(0, Int((end - MonotonicClock.microseconds() + 999) / 1_000))
      if isRung || left == 0 {
        return PollReadiness(isRung: isRung, hasMessages: try hasMessages())
      }
    }
  }

  private func hasMessages() throws(ZMQError) -> Bool {
    for socket in sockets {
      guard let events = Self.option(ZMQ_EVENTS, of: socket) else {
        throw ZMQError(call: "zmq_getsockopt")
      }
      if events & ZMQ_POLLIN != 0 { return true }
    }
    return false
  }

  private static func option(_ option: Int32, of socket: UnsafeMutableRawPointer) -> Int32? {
    var value: Int32 = 0
    var size = MemoryLayout<Int32>.size
    return zmq_getsockopt(socket, option, &value, &size) == 0 ? value : nil
  }
}

/// Why a polling thread woke. Neither: time was up.
package struct PollReadiness: Equatable, Sendable {
  package var isRung: Bool
  package var hasMessages: Bool
}
