import Admission
import GatewayTransport
import NIOCore
import NIOSSL
import Telemetry

/// What stands between a connection's first bytes and HTTP: the PROXY protocol's header, then TLS. The
/// time that both may take is the port's for a first request.
struct ConnectionOpening: Sendable {
  let addresses: ClientAddresses
  let identity: TLSIdentity?
  let registry: PrometheusRegistry

  /// Called on the channel's event loop, before any handler is in its pipeline.
  func prepare(_ channel: any Channel) throws {
    let pipeline = channel.pipeline.syncOperations
    let (settings, peers) = (addresses.settings, addresses.peers)
    if settings.hasProxyProtocol, settings.proxies.trusts(peers.address(of: channel)) {
      let faults = registry.counter(.openingFaults, [("fault", "proxy_header")])
      try pipeline.addHandler(
        ProxyHeaderHandler(
          onSource: { peers.set($0, of: channel) }, onFault: { faults.increment() }))
    }
    guard let identity else { return }
    let faults = registry.counter(.openingFaults, [("fault", "tls_handshake")])
    try pipeline.addHandler(NIOSSLServerHandler(context: identity.context))
    try pipeline.addHandler(
      HandshakeHandler(
        onNames: { names in
          if let names = CertifiedNames(uris: names) { peers.set(names, of: channel) }
        }, onFault: { faults.increment() }))
  }
}
