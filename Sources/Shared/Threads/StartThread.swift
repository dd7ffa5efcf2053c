import CLinux
import Glibc

/// Starts a detached thread that runs `body` and ends with it.
package func startThread(name: String, _ body: @escaping @Sendable () -> Void) {
  let box = Unmanaged.passRetained(ThreadBody(name: name, run: body))
  var thread = pthread_t()
  let failure = pthread_create(&thread, nil, runThreadBody, box.toOpaque())
  precondition(failure == 0, "no thread could be started: errno \(failure)")
  pthread_detach(thread)
}

private final class ThreadBody: Sendable {
  let name: String
  let run: @Sendable () -> Void
  init(name: String, run: @escaping @Sendable () -> Void) {
    self.name = name
    self.run = run
  }
}

private func runThreadBody(_ argument: UnsafeMutableRawPointer?) -> UnsafeMutableRawPointer? {
  let body = Unmanaged<ThreadBody>.fromOpaque(argument!).takeRetainedValue()
  _ = set_current_thread_name(body.name)
  body.run()
  return nil
}
