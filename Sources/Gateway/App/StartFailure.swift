import Glibc
import Messaging
import NIOCore
import Settings

/// Why a gateway cannot start although each of its settings is fine: the address is somebody else's.
struct StartFailure: Error, CustomStringConvertible {
  let description: String

  /// - Returns: nil when `error` is about something else.
  init?(_ error: any Error, settings: GatewaySettings) {
    switch error {
    case let error as IOError where Self.isAboutAddress(error.errnoCode):
      description =
        "POOLHUB_PORT \(settings.port) on \(settings.bindAddress) cannot be listened on: "
        + "\(Self.words(error.errnoCode)); end what listens there, or choose another"
    case let error as ZMQError where error.call.hasPrefix("zmq_bind"):
      description =
        "POOLHUB_SCORER_BIND \(settings.scorerBind) cannot be listened on: "
        + "\(Self.words(error.code)); end what listens there, or choose another"
    default: return nil
    }
  }

  private static func isAboutAddress(_ code: Int32) -> Bool {
    [EADDRINUSE, EADDRNOTAVAIL, EACCES].contains(code)
  }

  private static func words(_ code: Int32) -> String {
    String(cString: strerror(code)).lowercased()
  }
}
