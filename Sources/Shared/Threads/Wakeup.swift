import CLinux
import Glibc
import Synchronization

/// An `eventfd` that a polling thread sleeps on and others ring. Rung many times, it wakes once.
package final class Wakeup: Sendable {
  /// For `poll` and `zmq_poll`; readable while rung.
  package let fileDescriptor: Int32
  private let isRung = Atomic<Bool>(false)

  package init() {
    fileDescriptor = eventfd(0, Int32(EFD_NONBLOCK | EFD_CLOEXEC))
    precondition(fileDescriptor >= 0, "eventfd failed: errno \(errno)")
  }

  deinit { close(fileDescriptor) }

  /// Wakes the thread. Costs a system call only when it isn't already rung.
  package func ring() {
    if isRung.exchange(true, ordering: .acquiringAndReleasing) { return }
    var one: UInt64 = 1
    _ = write(fileDescriptor, &one, 8)
  }

  /// The polling thread calls this first after waking, then looks at its queues: what is queued later rings anew.
  package func clear() {
    var count: UInt64 = 0
    _ = read(fileDescriptor, &count, 8)
    isRung.store(false, ordering: .sequentiallyConsistent)
  }
}
