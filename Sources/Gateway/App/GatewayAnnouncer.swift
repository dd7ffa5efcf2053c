import Domain
import Logging
import Redis
import ScorerClient
import ServiceLifecycle
import Settings
import Synchronization

/// Says in Redis that this gateway is there, so that scorers find it, and hears there of the others. The
/// announcement ends by itself soon after a crash, and at once at the end.
final class GatewayAnnouncer: Service {
  private static let interval = Duration.seconds(2)
  private static let lifetimeMilliseconds = 10_000

  private let gatewayID: String
  private let instance: UInt64
  private let advertise: String?
  private let store: RedisGatewayStore
  private let scorers: ScorerClient
  private let logger: Logger
  private let known: Mutex<[String]>

  init(settings: GatewaySettings, store: RedisGatewayStore, scorers: ScorerClient, logger: Logger) {
    gatewayID = settings.gatewayID
    instance = scorers.instance
    advertise = settings.scorerAdvertise
    self.store = store
    self.scorers = scorers
    self.logger = logger
    known = Mutex([settings.gatewayID])
  }

  /// All gateways that announce themselves, this one among them, sorted; as last heard.
  var gateways: [String] { known.withLock { $0 } }

  func run() async throws {
    // Scorers that are told where to go mustn't wait for an answer from Redis.
    await cancelWhenGracefulShutdown {
      while !Task.isCancelled {
        if let endpoint = self.scorers.boundEndpoint {
          await self.announce(self.announcement(boundTo: endpoint))
        }
        let isBound = self.scorers.boundEndpoint != nil
        try? await Task.sleep(for: isBound ? Self.interval : .milliseconds(10))
      }
    }
    guard let endpoint = scorers.boundEndpoint else { return }
    // With Redis away it ends by itself.
    try? await store.withdraw(announcement(boundTo: endpoint))
  }

  private func announcement(boundTo endpoint: String) -> GatewayAnnouncement {
    let own = GatewayAddress.isWildcard(endpoint) ? "" : endpoint
    return GatewayAnnouncement(
      gatewayID: gatewayID, instance: instance, endpoint: advertise ?? own)
  }

  private func announce(_ announcement: GatewayAnnouncement) async {
    do {
      try await store.announce(announcement, forMilliseconds: Self.lifetimeMilliseconds)
      let names = Set(try await store.announced().map(\.gatewayID)).union([gatewayID])
      known.withLock { $0 = names.sorted() }
    } catch {
      logger.debug("not announced", metadata: ["reason": "\(error)"])
    }
  }

}
