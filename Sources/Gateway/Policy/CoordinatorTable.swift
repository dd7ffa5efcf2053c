import Synchronization

/// Coordinators by their secrets: those of the settings, and those that were issued, which come and
/// go. Looked through in memory alone.
package final class CoordinatorTable: Sendable {
  package let configured: SecretTable
  private let all: Mutex<SecretTable>

  package init(configured: SecretTable) {
    self.configured = configured
    all = Mutex(configured)
  }

  /// Whose secret it is; nil when nobody's.
  package func name(presenting secret: String) -> String? {
    all.withLock { $0 }.name(presenting: secret)
  }

  /// - Parameter issued: all that are live, by their SHA-256.
  package func replace(issued: [(name: String, digest: [UInt8])]) {
    let table = configured.joined(with: SecretTable(digests: issued))
    all.withLock { $0 = table }
  }
}
