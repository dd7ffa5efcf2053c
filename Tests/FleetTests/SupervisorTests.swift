import Fleet
import Foundation
import Synchronization
import Testing

/// Collects what a supervisor reports, and wakes whoever waits for it.
private final class Events: Sendable {
  private let continuation: AsyncStream<Supervisor.Event>.Continuation
  private let stream: AsyncStream<Supervisor.Event>

  init() { (stream, continuation) = AsyncStream.makeStream() }

  func add(_ event: Supervisor.Event) { continuation.yield(event) }

  /// The next start's pid.
  func nextStart() async -> pid_t? {
    for await event in stream { if case .started(let pid) = event { return pid } }
    return nil
  }

  func nextFailure() async -> String? {
    for await event in stream { if case .notStarted(let reason, _) = event { return reason } }
    return nil
  }
}

@Suite("A supervised child", .timeLimit(.minutes(1)))
struct SupervisorTests {
  private let events = Events()

  private func sleeper() -> Supervisor {
    Supervisor(name: "sleeper", policy: RestartPolicy(firstDelay: .milliseconds(1))) {
      try await ChildProcess.start(executable: "/bin/sleep", arguments: ["1000"])
    } report: { [events] _, event in
      events.add(event)
    }
  }

  @Test("It is started again whenever it dies, as another process")
  func restarts() async throws {
    let supervisor = sleeper()
    try await supervisor.start()
    var seen: Set<pid_t> = []
    for _ in 0..<3 {
      let pid = try #require(await events.nextStart())
      #expect(seen.insert(pid).inserted)
      kill(pid, SIGKILL)
    }
    await supervisor.stop(within: .seconds(5))
  }

  @Test("Told to stop, it ends and stays ended")
  func stops() async throws {
    let supervisor = sleeper()
    try await supervisor.start()
    let pid = try #require(await events.nextStart())
    await supervisor.stop(within: .seconds(5))
    #expect(kill(pid, 0) == -1 && errno == ESRCH)
  }

  @Test("A child that won't go is made to")
  func stubborn() async throws {
    let supervisor = Supervisor(name: "stubborn") {
      try await ChildProcess.start(
        executable: "/bin/sh", arguments: ["-c", "trap '' TERM; while :; do sleep 1; done"],
        output: .discarded)
    } report: { [events] _, event in
      events.add(event)
    }
    try await supervisor.start()
    let pid = try #require(await events.nextStart())
    await supervisor.stop(within: .milliseconds(50))
    #expect(kill(pid, 0) == -1)
  }

  @Test("A child that can't be started at first is the caller's to know, later it is tried again")
  func failingStarts() async throws {
    let tries = StartSwitch()
    let supervisor = Supervisor(
      name: "fragile", policy: RestartPolicy(firstDelay: .milliseconds(1))
    ) {
      let path = tries.isWorking ? "/bin/sleep" : "/nonexistent"
      return try await ChildProcess.start(executable: path, arguments: ["1000"])
    } report: { [events] _, event in
      events.add(event)
    }
    await #expect(throws: ChildProcessError.self) { try await supervisor.start() }
    tries.set(true)
    try await supervisor.start()
    let first = try #require(await events.nextStart())
    tries.set(false)
    kill(first, SIGKILL)
    #expect(await events.nextFailure()?.contains("/nonexistent") == true)
    tries.set(true)
    #expect(await events.nextStart() != nil)
    await supervisor.stop(within: .seconds(5))
  }
}

private final class StartSwitch: Sendable {
  private let state = Mutex(false)
  var isWorking: Bool { state.withLock { $0 } }
  func set(_ value: Bool) { state.withLock { $0 = value } }
}
