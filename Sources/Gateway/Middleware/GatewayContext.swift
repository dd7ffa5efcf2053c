import Hummingbird
import Logging
import NIOCore

/// What goes along with one request.
struct GatewayContext: RequestContext {
  var coreContext: CoreRequestContextStorage
  /// Answered as `X-Request-ID`.
  var requestID = ""
  /// Where the connection comes from, without the port.
  var peerAddress: String

  init(source: ApplicationRequestContextSource) {
    coreContext = CoreRequestContextStorage(source: source)
    peerAddress = source.channel.remoteAddress?.ipAddress ?? "unknown"
  }

  /// A match or registration is small; what is larger is refused before it is read.
  var maxUploadSize: Int { 64 * 1024 }
}
