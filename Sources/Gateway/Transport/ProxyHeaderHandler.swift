import Admission
import NIOCore

/// Takes the PROXY protocol's header off a connection's beginning, then leaves the pipeline. A connection
/// that begins otherwise is closed: guessing would let anyone who reaches a balancer write it.
package final class ProxyHeaderHandler: ChannelInboundHandler, RemovableChannelHandler {
  package typealias InboundIn = ByteBuffer
  package typealias InboundOut = ByteBuffer

  private let onSource: (IPAddress) -> Void
  private let onFault: () -> Void
  private var received: ByteBuffer?
  private var isOver = false

  /// - Parameters:
  ///   - onSource: told whose connection it is; not called for the proxy's own.
  ///   - onFault: told of a connection that is closed for its beginning.
  package init(onSource: @escaping (IPAddress) -> Void, onFault: @escaping () -> Void) {
    self.onSource = onSource
    self.onFault = onFault
  }

  package func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    var bytes = Self.unwrapInboundIn(data)
    if isOver { return }
    if received?.writeBuffer(&bytes) == nil { received = bytes }
    switch ProxyHeader.read(received?.readableBytesView ?? ByteBufferView()) {
    case .incomplete: return
    case .malformed:
      isOver = true
      onFault()
      context.close(promise: nil)
    case .complete(let source, let byteCount):
      isOver = true
      if let source { onSource(source) }
      received?.moveReaderIndex(forwardBy: byteCount)
      if let rest = received, rest.readableBytes > 0 {
        context.fireChannelRead(Self.wrapInboundOut(rest))
        context.fireChannelReadComplete()
      }
      context.pipeline.syncOperations.removeHandler(context: context, promise: nil)
    }
  }
}
