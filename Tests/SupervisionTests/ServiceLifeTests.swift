import Logging
import ServiceLifecycle
import Supervision
import Synchronization
import Testing

/// A process whose state the test sets.
private final class Made: Supervised {
  struct State {
    var isReady = false
    var isAlive = true
  }
  let state = Mutex(State())

  var isReady: Bool { state.withLock { $0.isReady } }
  var status: String { isReady ? "serves" : "loads" }
  func isAlive() async -> Bool { state.withLock { $0.isAlive } }
}

@Suite("A supervised life", .timeLimit(.minutes(1)))
struct ServiceLifeTests {
  private static let quiet = Logger(label: "test", factory: { _ in SwiftLogNoOpLogHandler() })

  @Test("is told from its start to its end, and in between only as long as it is one")
  func life() async throws {
    let listener = try NotifyListener()
    let made = Made()
    let life = ServiceLife(
      process: made,
      environment: listener.environment.merging(["WATCHDOG_USEC": "300000"]) { $1 },
      logger: Self.quiet)
    let group = ServiceGroup(services: [life], logger: Self.quiet)
    let running = Task { try await group.run() }
    #expect(listener.next() == ["STATUS=loads"])
    made.state.withLock { $0.isReady = true }
    #expect(listener.next() == ["READY=1"])
    #expect(listener.next() == ["STATUS=serves"])
    #expect(listener.next() == ["WATCHDOG=1"])
    #expect(listener.next() == ["WATCHDOG=1"])
    made.state.withLock { $0.isAlive = false }
    await group.triggerGracefulShutdown()
    let rest = listener.lines(until: "STOPPING=1")
    #expect(rest.last?.first == "STOPPING=1")
    // One may have been on its way.
    #expect(rest.count <= 2)
    try await running.value
  }

  @Test("does without a manager")
  func alone() async throws {
    let life = ServiceLife(process: Made(), environment: [:], logger: Self.quiet)
    let group = ServiceGroup(services: [life], logger: Self.quiet)
    let running = Task { try await group.run() }
    await group.triggerGracefulShutdown()
    try await running.value
  }

  @Test("names what a reload took and what takes a restart")
  func outcome() {
    let changed = ["POOLHUB_PORT", "POOLHUB_LOG_LEVEL", "POOLHUB_ADMIN_SECRET"]
    let reloadable: Set = ["POOLHUB_LOG_LEVEL", "POOLHUB_ADMIN_SECRET"]
    #expect(
      ReloadOutcome(changed: changed, reloadable: reloadable).summary
        == "new POOLHUB_ADMIN_SECRET, POOLHUB_LOG_LEVEL; POOLHUB_PORT takes a restart")
    #expect(ReloadOutcome(changed: [], reloadable: reloadable).summary == "nothing new")
  }
}
