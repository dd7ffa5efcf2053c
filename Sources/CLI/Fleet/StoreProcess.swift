import Glibc

/// A private store's server, which the store itself knows best how to end.
struct StoreProcess: SupervisedProcess {
  let child: ChildProcess
  let end: @Sendable () async -> Void

  /// - Throws: `FleetError` when the store has no server after it was started.
  init(_ child: ChildProcess?, end: @escaping @Sendable () async -> Void) throws(FleetError) {
    guard let child else { throw FleetError("it ended at once") }
    self.child = child
    self.end = end
  }

  var pid: pid_t { child.pid }

  func waitForExit() async -> Int32 { await child.waitForExit() }

  /// The store has its own measure of how long a clean end may take.
  func stop(within grace: Duration) async { await end() }
}
