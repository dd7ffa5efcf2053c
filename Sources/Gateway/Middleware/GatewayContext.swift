import Hummingbird
import Logging
import NIOCore

/// What goes along with one request.
struct GatewayContext: RequestContext {
  var coreContext: CoreRequestContextStorage
  /// Answered as `X-Request-ID`.
  var requestID = ""

  init(source: ApplicationRequestContextSource) {
    coreContext = CoreRequestContextStorage(source: source)
  }

  /// A match or registration is small; what is larger is refused before it is read.
  var maxUploadSize: Int { 64 * 1024 }
}
