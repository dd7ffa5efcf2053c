import Logging
import Messaging

/// Says what happens on the links to gateways; what goes wrong there often is `LinkFaultLog`'s.
enum LinkEventLog {
  static func log(_ events: [DealerSet.Event], to logger: Logger) {
    for event in events {
      switch event.event {
      case .welcomed(let gatewayID, let version):
        logger.notice(
          "gateway welcomed us", metadata: ["gateway": "\(gatewayID)", "version": "\(version)"])
      case .silent(let gatewayID):
        logger.warning("gateway fell silent", metadata: ["gateway": "\(gatewayID)"])
      case .forgotten: logger.info("gateway asks for a greeting")
      case .versionMismatch: logger.error("gateway speaks no version of ours")
      case .found(let endpoint):
        logger.notice("gateway found", metadata: ["endpoint": "\(endpoint)"])
      case .gone(let endpoint):
        logger.notice("gateway is gone", metadata: ["endpoint": "\(endpoint)"])
      case .sameGateway(let gatewayID, let endpoint):
        logger.notice(
          "gateway is connected by another address",
          metadata: ["gateway": "\(gatewayID)", "endpoint": "\(endpoint)"])
      case .badAddress(let endpoint):
        logger.warning("gateway announces no usable address", metadata: ["endpoint": "\(endpoint)"])
      }
    }
  }
}
