import NIOCore

/// Stands before NIO's HTTP decoder and gives plain requests to the connection's `DirectCallHandler` past it.
///
/// Those whose body isn't there yet, those that the other handler doesn't take, and a connection's first request go through the
/// decoder as they come. From the first that isn't plain on everything does: only the decoder knows where that one ends.
final class PlainRequestHandler: ChannelInboundHandler, RemovableChannelHandler {
  typealias InboundIn = ByteBuffer
  typealias InboundOut = ByteBuffer

  /// nil: no request yet.
  var calls: DirectCallHandler?

  private let headByteLimit: Int
  /// The beginning of a head.
  private var begun: ByteBuffer?
  /// Still to come of a body that the decoder is reading.
  private var bodyByteCount = 0

  init(headByteLimit: Int) { self.headByteLimit = headByteLimit }

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    var bytes = Self.unwrapInboundIn(data)
    if var all = begun.take() {
      all.writeBuffer(&bytes)
      bytes = all
    }
    passBody(of: &bytes, context: context)
    while bytes.readableBytes > 0 {
      switch read(bytes) {
      case .plain(let request):
        if !take(request, from: &bytes) { pass(request, from: &bytes, context: context) }
      case .begun:
        // A copy: the buffer that it came in is much larger.
        begun = context.channel.allocator.buffer(bytes: bytes.readableBytesView)
        return
      case .other:
        context.fireChannelRead(Self.wrapInboundOut(bytes))
        return context.pipeline.syncOperations.removeHandler(context: context, promise: nil)
      }
    }
  }

  func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
    if case ChannelEvent.inputClosed = event { passBegun(context: context) }
    context.fireUserInboundEventTriggered(event)
  }

  func channelInactive(context: ChannelHandlerContext) {
    passBegun(context: context)
    context.fireChannelInactive()
  }

  private func read(_ bytes: ByteBuffer) -> PlainRequest.Reading {
    bytes.withUnsafeReadableBytes { PlainRequest.read($0, headByteLimit: headByteLimit) }
  }

  private func take(_ request: PlainRequest, from bytes: inout ByteBuffer) -> Bool {
    let bodyStart = bytes.readerIndex + request.headByteCount
    guard let calls, let body = bytes.getSlice(at: bodyStart, length: request.bodyByteCount),
      calls.take(request.head, body: body)
    else { return false }
    bytes.moveReaderIndex(forwardBy: request.byteCount)
    return true
  }

  private func pass(
    _ request: PlainRequest, from bytes: inout ByteBuffer, context: ChannelHandlerContext
  ) {
    let count = min(request.byteCount, bytes.readableBytes)
    bodyByteCount = request.byteCount - count
    pass(count, of: &bytes, context: context)
  }

  private func passBody(of bytes: inout ByteBuffer, context: ChannelHandlerContext) {
    if bodyByteCount == 0 { return }
    let count = min(bodyByteCount, bytes.readableBytes)
    bodyByteCount -= count
    pass(count, of: &bytes, context: context)
  }

  private func pass(_ count: Int, of bytes: inout ByteBuffer, context: ChannelHandlerContext) {
    guard let part = bytes.readSlice(length: count) else { return }
    context.fireChannelRead(Self.wrapInboundOut(part))
  }

  /// No more will come.
  private func passBegun(context: ChannelHandlerContext) {
    if let begun = begun.take() { context.fireChannelRead(Self.wrapInboundOut(begun)) }
  }
}
