import CLinux
import Glibc
import Synchronization
import Threads

/// Ctrl-C and SIGTERM as a stream. Children get the signals' usual meaning back: a handler doesn't
/// survive `exec`, as an ignored signal would.
package enum StopSignals {
  /// Written to by the handler, which may call little else. -1: not installed yet.
  private static let eventFile = Atomic<Int32>(-1)

  /// Installs the handlers for the rest of the process's life. Yields one element a signal.
  package static func stream() -> AsyncStream<Void> {
    let file = eventfd(0, Int32(EFD_CLOEXEC | EFD_SEMAPHORE))
    eventFile.store(file, ordering: .sequentiallyConsistent)
    let (stream, continuation) = AsyncStream.makeStream(of: Void.self)
    startThread(name: "signals") {
      var count: UInt64 = 0
      while true {
        let got = read(file, &count, 8)
        if got == 8 { continuation.yield() } else if errno != EINTR { return }
      }
    }
    // A reader of our output that goes away is no reason to die.
    signal(SIGPIPE, SIG_IGN)
    for number in [SIGINT, SIGTERM, SIGHUP] {
      signal(number) { _ in
        var one: UInt64 = 1
        _ = write(StopSignals.eventFile.load(ordering: .relaxed), &one, 8)
      }
    }
    return stream
  }
}
