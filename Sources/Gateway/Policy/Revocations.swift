import Domain
import Synchronization

/// Which session tokens are void: a not-before time a miner. Only ever grows, until tokens that old
/// have expired by themselves.
package final class Revocations: Sendable {
  private let notBefore = Mutex<[MinerID: Timestamp]>([:])

  package init() {}

  package func revoke(_ id: MinerID, upTo moment: Timestamp) {
    notBefore.withLock { $0[id] = max($0[id] ?? moment, moment) }
  }

  /// Whether everything up to that moment is void already.
  package func covers(_ id: MinerID, upTo moment: Timestamp) -> Bool {
    notBefore.withLock { table in table[id].map { moment <= $0 } ?? false }
  }

  package func isRevoked(_ session: Session) -> Bool {
    notBefore.withLock { table in table[session.minerID].map { session.issuedAt <= $0 } ?? false }
  }

  /// The first moment from `now` on at which a token can be issued that is not void at once.
  package func firstValid(for id: MinerID, at now: Timestamp) -> Timestamp {
    notBefore.withLock { table in
      table[id].map { max(now, $0.advanced(byMilliseconds: 1)) } ?? now
    }
  }

  /// What `stored` lacks of all this, or knows only an earlier time of.
  package func missing(in stored: [MinerID: Timestamp]) -> [MinerID: Timestamp] {
    notBefore.withLock { table in
      table.filter { id, moment in stored[id].map { $0 < moment } ?? true }
    }
  }

  /// Forgets what `sessionSeconds` has made moot.
  package func forget(olderThanSeconds sessionSeconds: Int, at now: Timestamp) {
    let limit = now.advanced(byMilliseconds: -Int64(sessionSeconds) * 1_000)
    notBefore.withLock { $0 = $0.filter { limit < $0.value } }
  }
}
