import Admission
import GatewayAPI
import HTTPTypes
import Hummingbird
import NIOCore
import NIOHTTP1
import Settings
import Synchronization
import Telemetry

/// Who may use a path, by address.
enum Audience: String, Sendable {
  case anyone, coordinators, operators, metrics
}

/// Where requests come from, and whether that is allowed.
final class ClientAddresses: Sendable {
  private let current: Mutex<AccessSettings>
  private let registry: PrometheusRegistry
  /// Connections whose client is another than their peer.
  let peers: PeerTable

  init(_ settings: AccessSettings, peers: PeerTable, registry: PrometheusRegistry) {
    current = Mutex(settings)
    self.peers = peers
    self.registry = registry
  }

  /// As they are now.
  var settings: AccessSettings { current.withLock { $0 } }

  func replace(_ settings: AccessSettings) { current.withLock { $0 = settings } }

  func client(of channel: any Channel, _ headers: HTTPFields) -> IPAddress {
    let peer = peers.address(of: channel)
    let proxies = settings.proxies
    guard proxies.trusts(peer) else { return peer }
    return proxies.client(
      peer: peer, values: headers[values: proxies.header.fieldName])
  }

  func client(of channel: any Channel, _ headers: HTTPHeaders) -> IPAddress {
    let peer = peers.address(of: channel)
    let proxies = settings.proxies
    guard proxies.trusts(peer) else { return peer }
    return proxies.client(peer: peer, values: headers[proxies.header.rawValue])
  }

  /// Runs `body` as a caller whom the connection's certificate names, where it names any.
  func certified<Result>(
    _ channel: any Channel, _ body: () async throws -> Result
  ) async rethrows -> Result {
    guard let names = peers.names(of: channel) else { return try await body() }
    return try await CertifiedNames.$current.withValue(names, operation: body)
  }

  /// The same on the channel's event loop.
  func certified<Result>(_ channel: any Channel, _ body: () throws -> Result) rethrows -> Result {
    guard let names = peers.names(of: channel) else { return try body() }
    return try CertifiedNames.$current.withValue(names, operation: body)
  }

  func allows(_ client: IPAddress, _ audience: Audience) -> Bool {
    let ranges = ranges(audience)
    return ranges.isEmpty || ranges.contains(client)
  }

  /// - Throws: `Problem` 403.
  func check(_ client: IPAddress, _ audience: Audience) throws(Problem) {
    if allows(client, audience) { return }
    registry.counter(.addressRefusals, [("audience", audience.rawValue)]).increment()
    throw Problem(.forbidden, "this is not open to the address that you come from")
  }

  private func ranges(_ audience: Audience) -> [AddressRange] {
    switch audience {
    case .anyone: []
    case .coordinators: settings.coordinators
    case .operators: settings.operators
    case .metrics: settings.metrics
    }
  }
}

extension TrustedProxies.Header {
  fileprivate var fieldName: HTTPField.Name {
    self == .forwarded ? Self.forwardedName : Self.xForwardedForName
  }

  private static let forwardedName = HTTPField.Name("Forwarded")!
  private static let xForwardedForName = HTTPField.Name("X-Forwarded-For")!
}
