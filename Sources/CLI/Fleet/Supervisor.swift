import Glibc

/// A running child as its supervisor sees it.
package protocol SupervisedProcess: Sendable {
  var pid: pid_t { get }
  /// - Returns: its exit status, or 128 plus the signal that ended it.
  func waitForExit() async -> Int32
  /// Asks it to end, and makes it end when it hasn't within `grace`.
  func stop(within grace: Duration) async
}

extension ChildProcess: SupervisedProcess {
  package func stop(within grace: Duration) async {
    terminate()
    let deadline = Task {
      try await Task.sleep(for: grace)
      terminate(signal: SIGKILL)
    }
    _ = await waitForExit()
    deadline.cancel()
  }
}

/// Keeps one child running: starts it again when it ends, with growing pauses, until told to stop.
package actor Supervisor {
  package typealias Start = @Sendable () async throws -> any SupervisedProcess

  package enum Event: Sendable {
    case started(pid_t)
    case ended(status: Int32, restartIn: Duration)
    case notStarted(reason: String, retryIn: Duration)
  }

  package nonisolated let name: String
  private let launch: Start
  private let report: @Sendable (String, Event) async -> Void
  private var policy: RestartPolicy
  private var current: (any SupervisedProcess)?
  private var watch: Task<Void, Never>?
  private var isStopping = false

  /// - Parameter report: told of each event with the child's name, in order.
  package init(
    name: String, policy: RestartPolicy = RestartPolicy(), launch: @escaping Start,
    report: @escaping @Sendable (String, Event) async -> Void
  ) {
    self.name = name
    self.policy = policy
    self.launch = launch
    self.report = report
  }

  /// Starts the child for the first time, and watches it from then on.
  /// - Throws: what `launch` threw.
  package func start() async throws {
    let first = try await launch()
    current = first
    await report(name, .started(first.pid))
    watch = Task { await keepRunning(first) }
  }

  /// Ends the child for good. Gives it `grace` to end by itself.
  package func stop(within grace: Duration) async {
    isStopping = true
    watch?.cancel()
    await current?.stop(within: grace)
    await watch?.value
  }

  private func keepRunning(_ first: any SupervisedProcess) async {
    let clock = ContinuousClock()
    var next: (any SupervisedProcess)? = first
    var startedAt = clock.now
    while !isStopping {
      if let running = next {
        let status = await running.waitForExit()
        current = nil
        if isStopping { return }
        let delay = policy.delay(afterRunOf: clock.now - startedAt)
        await report(name, .ended(status: status, restartIn: delay))
        try? await Task.sleep(for: delay)
      }
      if isStopping { return }
      startedAt = clock.now
      next = await restart()
    }
  }

  /// - Returns: nil when it couldn't be started; the pause before the next try is over by then.
  private func restart() async -> (any SupervisedProcess)? {
    do {
      let started = try await launch()
      current = started
      // Told to stop while it was starting: nobody else knows of it yet.
      if isStopping {
        await started.stop(within: .seconds(5))
        return nil
      }
      await report(name, .started(started.pid))
      return started
    } catch {
      let delay = policy.delay(afterRunOf: .zero)
      await report(name, .notStarted(reason: "\(error)", retryIn: delay))
      try? await Task.sleep(for: delay)
      return nil
    }
  }
}
