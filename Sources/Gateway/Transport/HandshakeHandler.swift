import NIOCore
import NIOSSL
import NIOTLS

/// Sits behind TLS until the handshake is over: hands on what the client's certificate says, then leaves.
package final class HandshakeHandler: ChannelInboundHandler, RemovableChannelHandler {
  package typealias InboundIn = NIOAny

  private let onNames: ([String]) -> Void
  private let onFault: () -> Void

  /// - Parameters:
  ///   - onNames: gets the URIs in the certificate's subject alternative names, where the client has shown one.
  ///   - onFault: told of a handshake that failed.
  package init(onNames: @escaping ([String]) -> Void, onFault: @escaping () -> Void) {
    self.onNames = onNames
    self.onFault = onFault
  }

  package func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
    if case .handshakeCompleted? = event as? TLSUserEvent {
      // Verified, or the handshake had failed.
      if let certificate = try? context.pipeline.syncOperations.nioSSL_peerCertificate() {
        onNames(certificate.uniformResourceNames)
      }
      context.fireUserInboundEventTriggered(event)
      context.pipeline.syncOperations.removeHandler(context: context, promise: nil)
    } else {
      context.fireUserInboundEventTriggered(event)
    }
  }

  package func errorCaught(context: ChannelHandlerContext, error: any Error) {
    onFault()
    context.fireErrorCaught(error)
  }
}

extension NIOSSLCertificate {
  fileprivate var uniformResourceNames: [String] {
    _subjectAlternativeNames().filter { $0.nameType == .uri }
      .map { String(decoding: $0.contents, as: UTF8.self) }
  }
}
