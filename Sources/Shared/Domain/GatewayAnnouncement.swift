/// What a gateway says of itself where scorers look for gateways.
package struct GatewayAnnouncement: Hashable, Sendable {
  package var gatewayID: String
  /// Drawn at the gateway's start, and never 0.
  package var instance: UInt64
  /// Where scorers connect: `tcp://host:port` or `ipc:///path`; empty when they have to be told.
  package var endpoint: String

  package init(gatewayID: String, instance: UInt64, endpoint: String) {
    self.gatewayID = gatewayID
    self.instance = instance
    self.endpoint = endpoint
  }
}
