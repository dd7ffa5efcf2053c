import ScorerClient
import ServiceLifecycle
import Synchronization

/// Serves once a scorer is usable, so that a gateway that was restarted refuses connections, which
/// balancers and clients take elsewhere, rather than matches. With no scorer in sight it serves all the
/// same, a little later: most of what it does needs none.
struct ServedWhenReady<Server: Service>: Service {
  private static var limit: Duration { .seconds(3) }

  let scorers: ScorerClient
  let server: Server
  /// Whether connections are accepted.
  let isServing = Turned()

  func run() async throws {
    await cancelWhenGracefulShutdown {
      let end = ContinuousClock.now + Self.limit
      while ContinuousClock.now < end && !scorers.snapshot().contains(where: \.isUsable) {
        guard (try? await Task.sleep(for: .milliseconds(10))) != nil else { return }
      }
    }
    if Task.isShuttingDownGracefully || Task.isCancelled { return }
    isServing.raise()
    try await server.run()
  }
}

/// Raised once, and never lowered.
final class Turned: Sendable {
  private let value = Atomic<Bool>(false)

  var isRaised: Bool { value.load(ordering: .acquiring) }

  func raise() { value.store(true, ordering: .releasing) }
}
