import Domain
import GatewayPolicy
import Logging
import Messaging
import Redis
import ServiceLifecycle

/// Hears from the change stream what concerns gateways: sessions that end, and miners that now speak to
/// another gateway.
final class FleetFollower: Service {
  private static let retryMilliseconds = 500
  private static let forgetIntervalSeconds = 60

  private let reader: ChangeStreamReader
  private let reloads: AsyncStream<Void>
  private let reload: AsyncStream<Void>.Continuation
  private let store: RedisRevocationStore
  private let revocations: Revocations
  private let sessionSeconds: Int
  private let logger: Logger

  init(
    redis: RedisAddress, keys: RedisKeys, store: RedisRevocationStore, revocations: Revocations,
    connections: ConnectionTable, apiKeys: APIKeyCache, gatewayID: String, sessionSeconds: Int,
    logger: Logger
  ) {
    self.store = store
    self.revocations = revocations
    self.sessionSeconds = sessionSeconds
    self.logger = logger
    let (reloads, reload) = AsyncStream.makeStream(
      of: Void.self, bufferingPolicy: .bufferingNewest(1))
    self.reloads = reloads
    self.reload = reload
    var options = ChangeStreamReader.Options()
    options.withStatuses = false
    reader = ChangeStreamReader(
      address: redis, keys: keys, options: options, logger: logger
    ) { event in
      switch event {
      case .unreachable: break
      // What was revoked while Redis was away isn't stored yet; nor is anything in one that came back empty.
      case .reachable, .mustReload: reload.yield()
      case .entries(let entries):
        for entry in entries {
          for change in entry.changes {
            switch change {
            case .revoked(let id, let notBefore):
              revocations.revoke(id, upTo: notBefore)
              apiKeys.forget(id)
              connections.close(id, issuedUpTo: notBefore)
            case .connected(let id, let gateway, let at) where gateway != gatewayID:
              connections.replace(id, openedBefore: at)
            case .connected, .record, .trust, .status: break
            }
          }
        }
      }
    }
  }

  func run() async throws {
    reader.start()
    await cancelWhenGracefulShutdown {
      await withTaskGroup { group in
        group.addTask { for await _ in self.reloads { await self.exchange() } }
        group.addTask { await self.forgetNowAndThen() }
      }
    }
    reader.stop()
  }

  /// Takes in what is stored, and stores what is known here alone, for gateways that start later.
  private func exchange() async {
    while !Task.isCancelled {
      do {
        let stored = try await store.loadAll()
        for (id, notBefore) in stored { revocations.revoke(id, upTo: notBefore) }
        for (id, notBefore) in revocations.missing(in: stored) {
          try await store.revoke(id, notBefore: notBefore)
        }
        return
      } catch {
        try? await Task.sleep(for: .milliseconds(Self.retryMilliseconds))
      }
    }
  }

  private func forgetNowAndThen() async {
    while !Task.isCancelled {
      revocations.forget(olderThanSeconds: sessionSeconds, at: .now)
      // Should one not have been stored in an outage too short to be noticed here.
      reload.yield()
      try? await Task.sleep(for: .seconds(Self.forgetIntervalSeconds))
    }
  }
}
