import Domain
import GatewayPolicy
import Postgres
import Synchronization

/// Whose an API key is, asked of PostgreSQL once in a while and not with every heartbeat. Keys are held
/// as SHA-256 only.
final class APIKeyCache: Sendable {
  static let capacity = 100_000
  /// How long a key counts after it was revoked elsewhere, at most, should the stream be away.
  static let lifetime = Duration.seconds(60)

  private struct Entry {
    var minerID: MinerID
    var expires: ContinuousClock.Instant
  }

  private let miners: PostgresMinerStore
  private let entries = Mutex<[[UInt8]: Entry]>([:])

  init(miners: PostgresMinerStore) { self.miners = miners }

  /// - Throws: what the store throws when it cannot be asked.
  func minerID(forKey key: String) async throws -> MinerID? {
    let hash = SecretTable.digest(key)
    let now = ContinuousClock.now
    if let entry = entries.withLock({ $0[hash] }), now < entry.expires { return entry.minerID }
    guard let id = try await miners.minerID(forKeyHash: hash) else { return nil }
    entries.withLock { entries in
      if entries.count >= Self.capacity { entries.removeAll(keepingCapacity: true) }
      entries[hash] = Entry(minerID: id, expires: now + Self.lifetime)
    }
    return id
  }

  /// To be asked anew, because something about the miner's keys has changed.
  func forget(_ id: MinerID) {
    entries.withLock { entries in entries = entries.filter { $0.value.minerID != id } }
  }
}
