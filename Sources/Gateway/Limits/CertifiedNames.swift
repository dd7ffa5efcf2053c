import Domain
import GatewayAPI

/// Whom the connection's client certificate names. It proves nothing by itself: the caller's token or secret
/// is needed as ever. But a connection whose certificate names callers can act for these alone, so that a
/// stolen token is of no use with somebody else's certificate.
struct CertifiedNames: Sendable, Equatable {
  /// Of the request that is being answered; nil: the certificate names nobody, or there is none.
  @TaskLocal static var current: CertifiedNames?

  static let minerPrefix = "urn:poolhub:miner:"
  static let coordinatorPrefix = "urn:poolhub:coordinator:"
  static let operatorName = "urn:poolhub:operator"

  private let names: Set<String>

  /// - Parameter uris: of the certificate; nil when none is ours.
  init?(uris: [String]) {
    names = Set(uris.filter { $0.hasPrefix("urn:poolhub:") })
    if names.isEmpty { return nil }
  }

  /// - Throws: `Problem` 403.
  static func check(miner: MinerID) throws(Problem) { try check(minerPrefix + miner.text) }

  static func check(coordinator: String) throws(Problem) {
    try check(coordinatorPrefix + coordinator)
  }

  static func checkOperator() throws(Problem) { try check(operatorName) }

  /// - Parameter name: made only where a certificate names anybody.
  private static func check(_ name: @autoclosure () -> String) throws(Problem) {
    guard let current, !current.names.contains(name()) else { return }
    throw Problem(.forbidden, "this connection's client certificate names another caller")
  }
}
