import CZeroMQ
import Glibc
import Threads

/// Sleeps until one of several sockets has a message, someone rings, or time is up.
struct ZMQPoll: ~Copyable {
  private let items: UnsafeMutablePointer<zmq_pollitem_t>
  private let socketCount: Int
  private let wakeup: Wakeup

  /// - Parameter sockets: of the calling thread; they outlive this.
  init(sockets: [UnsafeMutableRawPointer], wakeup: Wakeup) {
    self.wakeup = wakeup
    socketCount = sockets.count
    items = .allocate(capacity: sockets.count + 1)
    for (index, socket) in sockets.enumerated() {
      items[index] = zmq_pollitem_t(
        socket: socket, fd: 0, events: Int16(ZMQ_POLLIN), revents: 0)
    }
    items[sockets.count] = zmq_pollitem_t(
      socket: nil, fd: wakeup.fileDescriptor, events: Int16(ZMQ_POLLIN), revents: 0)
  }

  deinit { items.deallocate() }

  /// - Returns: whether the bell rang (it is silent again) and whether any socket has a message.
  func wait(timeoutMilliseconds: Int) throws(ZMQError) -> PollReadiness {
    let count = zmq_poll(items, Int32(socketCount + 1), timeoutMilliseconds)
    if count < 0 {
      // A signal: nothing is ready, and the caller's loop comes round again.
      if zmq_errno() == EINTR { return PollReadiness(isRung: false, hasMessages: false) }
      throw ZMQError(call: "zmq_poll")
    }
    let isRung = count > 0 && items[socketCount].revents != 0
    if isRung { wakeup.clear() }
    return PollReadiness(isRung: isRung, hasMessages: Int(count) > (isRung ? 1 : 0))
  }

  /// Whether the socket at `index` had a message when `wait` returned.
  func isReadable(_ index: Int) -> Bool { items[index].revents != 0 }
}

/// Why a polling thread woke. Neither: time was up.
package struct PollReadiness: Equatable, Sendable {
  package var isRung: Bool
  package var hasMessages: Bool
}
