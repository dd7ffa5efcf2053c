import Domain
import GatewayPolicy
import Messaging
import Postgres
import Synchronization

/// Whose an API key is, asked of PostgreSQL once in a while and not with every heartbeat. Keys are held
/// as SHA-256 only.
final class APIKeyCache: Sendable {
  static let capacity = 100_000
  /// How long a key counts after it was revoked elsewhere, at most, should the stream be away.
  static let lifetime = Duration.seconds(60)

  /// How often a key is looked up because others were revoked meanwhile.
  private static let attemptLimit = 3

  private struct Entry {
    var minerID: MinerID
    var expires: ContinuousClock.Instant
  }

  private struct State {
    var entries: [[UInt8]: Entry] = [:]
    /// Grows with each call of `forget`: what was looked up before may be out of date.
    var forgotten = 0
  }

  private let miners: PostgresMinerStore
  private let state = Mutex(State())

  init(miners: PostgresMinerStore) { self.miners = miners }

  /// - Throws: what the store throws when it cannot be asked.
  func minerID(forKey key: String) async throws -> MinerID? {
    let hash = SecretTable.digest(key)
    var holder: (minerID: MinerID, expiresAt: Timestamp?)?
    for _ in 0..<Self.attemptLimit {
      let now = ContinuousClock.now
      let (entry, forgotten) = state.withLock { ($0.entries[hash], $0.forgotten) }
      if let entry, now < entry.expires { return entry.minerID }
      holder = try await miners.holder(ofKeyHash: hash)
      guard let holder else { return nil }
      let expires = now + Self.lifetime(until: holder.expiresAt)
      if keep(Entry(minerID: holder.minerID, expires: expires), hash, forgotten) {
        return holder.minerID
      }
    }
    // So many keys are revoked just now that this one isn't kept.
    return holder?.minerID
  }

  /// - Returns: false when a key was revoked during the look-up, which may have been too early.
  private func keep(_ entry: Entry, _ hash: [UInt8], _ forgotten: Int) -> Bool {
    state.withLock { state in
      guard state.forgotten == forgotten else { return false }
      if state.entries.count >= Self.capacity { state.entries.removeAll(keepingCapacity: true) }
      state.entries[hash] = entry
      return true
    }
  }

  private static func lifetime(until end: Timestamp?) -> Duration {
    end.map { min(lifetime, .milliseconds(max(0, $0.milliseconds(since: .now)))) } ?? lifetime
  }

  /// To be asked anew, because something about the miner's keys has changed.
  func forget(_ id: MinerID) {
    state.withLock { state in
      state.forgotten += 1
      state.entries = state.entries.filter { $0.value.minerID != id }
    }
  }
}
