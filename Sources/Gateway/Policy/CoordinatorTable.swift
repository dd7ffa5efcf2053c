import Synchronization

/// Coordinators by their secrets: those of the settings, and those that were issued, which come and
/// go. Looked through in memory alone.
package final class CoordinatorTable: Sendable {
  private struct State {
    var configured: SecretTable
    var issued = SecretTable([])
    var all: SecretTable
  }
  private let state: Mutex<State>

  package init(configured: SecretTable) {
    state = Mutex(State(configured: configured, all: configured))
  }

  /// Those of the settings.
  package var configured: SecretTable { state.withLock { $0.configured } }

  /// Whose secret it is; nil when nobody's.
  package func name(presenting secret: String) -> String? {
    state.withLock { $0.all }.name(presenting: secret)
  }

  /// - Parameter issued: all that are live, by their SHA-256.
  package func replace(issued: [(name: String, digest: [UInt8])]) {
    change { $0.issued = SecretTable(digests: issued) }
  }

  /// - Parameter configured: those of the settings, as they are now.
  package func replace(configured: SecretTable) {
    change { $0.configured = configured }
  }

  private func change(_ body: (inout State) -> Void) {
    state.withLock { state in
      body(&state)
      state.all = state.configured.joined(with: state.issued)
    }
  }
}
