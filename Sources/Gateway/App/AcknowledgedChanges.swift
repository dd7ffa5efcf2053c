import Domain
import Synchronization

/// The latest place in the change stream of anything that this gateway has acknowledged. It goes along
/// with each match, and the scorer answers once it has come that far: so a match sees every such change.
final class AcknowledgedChanges: Sendable {
  private let newest = Mutex(StreamID.zero)

  /// - Parameter id: nil when the change waits in the outbox, because the stream was out of reach.
  func note(_ id: StreamID?) {
    guard let id else { return }
    newest.withLock { $0 = max($0, id) }
  }

  var upTo: StreamID { newest.withLock { $0 } }
}
