import Domain
import GatewayPolicy
import Logging
import Messaging
import Postgres
import ServiceLifecycle

/// Keeps what the gateway knows of keys up to date from PostgreSQL, so that a revocation arrives here
/// with or without Redis.
final class KeyDesk: Service {
  private static let pollMilliseconds = 1_000
  /// A revocation may be committed a little after the time that it bears, by a clock that is
  /// a little slow.
  private static let lookBackMilliseconds: Int64 = 60_000

  let store: PostgresKeyStore
  let coordinators: CoordinatorTable
  private let revocations: Revocations
  private let connections: ConnectionTable
  private let apiKeys: APIKeyCache
  private let sessionSeconds: Int
  private let logger: Logger

  init(
    store: PostgresKeyStore, coordinators: CoordinatorTable, revocations: Revocations,
    connections: ConnectionTable, apiKeys: APIKeyCache, sessionSeconds: Int, logger: Logger
  ) {
    self.store = store
    self.coordinators = coordinators
    self.revocations = revocations
    self.connections = connections
    self.apiKeys = apiKeys
    self.sessionSeconds = sessionSeconds
    self.logger = logger
  }

  func run() async throws {
    await cancelWhenGracefulShutdown {
      // Sessions that began before the first look may be void as well.
      var since = Timestamp.now.advanced(byMilliseconds: -Int64(self.sessionSeconds) * 1_000)
      var isAway = false
      while !Task.isCancelled {
        do {
          let started = Timestamp.now
          try await self.refresh(since: since)
          since = started.advanced(byMilliseconds: -Self.lookBackMilliseconds)
          isAway = false
        } catch {
          // They are as they were; a revocation can't be made without PostgreSQL either.
          if !isAway && !Task.isCancelled {
            let reason = (error as? PostgresError)?.shortReason ?? "\(error)"
            self.logger.warning("keys cannot be looked up", metadata: ["reason": "\(reason)"])
          }
          isAway = true
        }
        try? await Task.sleep(for: .milliseconds(Self.pollMilliseconds))
      }
    }
  }

  /// Takes in coordinators' keys as they stand now.
  func refreshCoordinators() async throws {
    coordinators.replace(
      issued: try await store.liveCoordinatorKeys().map { (name: $0.name, digest: $0.hash) })
  }

  private func refresh(since: Timestamp) async throws {
    try await refreshCoordinators()
    for (id, revokedAt) in try await store.revocations(since: since) {
      end(id, revokedAt: revokedAt)
    }
  }

  /// Ends the miner's sessions and connections here.
  func end(_ id: MinerID, revokedAt: Timestamp) {
    let notBefore = Self.notBefore(revokedAt)
    if revocations.covers(id, upTo: notBefore) { return }
    revocations.revoke(id, upTo: notBefore)
    apiKeys.forget(id)
    connections.close(id, issuedUpTo: notBefore)
  }

  /// Sessions that began before are void.
  static func notBefore(_ revokedAt: Timestamp) -> Timestamp {
    revokedAt.advanced(byMilliseconds: PostgresKeyStore.spreadMilliseconds)
  }
}
