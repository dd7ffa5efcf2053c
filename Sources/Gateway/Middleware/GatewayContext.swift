import Admission
import Hummingbird
import Logging
import NIOCore

/// What goes along with one request.
struct GatewayContext: RequestContext {
  var coreContext: CoreRequestContextStorage
  /// Answered as `X-Request-ID`.
  var requestID = ""
  let channel: any Channel
  /// Where the request comes from; the envelope finds it out.
  var client = IPAddress(high: 0, low: 0)

  init(source: ApplicationRequestContextSource) {
    channel = source.channel
    coreContext = CoreRequestContextStorage(source: source)
  }

  /// A match or registration is small; what is larger is refused before it is read.
  var maxUploadSize: Int { 64 * 1024 }
}
