import Domain
import Logging
import Redis
import ServiceLifecycle

/// Looks for gateways that announce themselves in Redis, and tells the index thread. While Redis is away
/// everything stays as it was.
struct GatewayFinder: Service {
  private static let interval = Duration.seconds(1)

  let store: RedisGatewayStore
  let inbox: IndexInbox

  func run() async throws {
    await cancelWhenGracefulShutdown {
      while !Task.isCancelled {
        if let announced = try? await store.announced() { inbox.post(.gateways(announced)) }
        try? await Task.sleep(for: Self.interval)
      }
    }
  }
}
