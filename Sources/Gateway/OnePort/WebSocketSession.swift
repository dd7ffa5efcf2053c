import NIOCore
import NIOWebSocket

/// What a `WebSocketSession` tells its owner, always on the channel's event loop.
package protocol WebSocketSessionDelegate: AnyObject {
  /// The session is in place; it may be sent to from now on.
  func sessionOpened(_ session: WebSocketSession)
  /// A whole text message, valid UTF-8 and within the limit.
  func session(_ session: WebSocketSession, received text: ByteBuffer)
  /// A whole binary message, whose bytes nobody wants; closes with 1003 unless implemented.
  func sessionReceivedBinary(_ session: WebSocketSession)
  /// The server is stopping. Send a goodbye and close, now or a little later; closes with 1001 unless
  /// implemented.
  func sessionShouldQuiesce(_ session: WebSocketSession)
  /// The connection is gone, whoever ended it. Called once, last.
  func sessionClosed(_ session: WebSocketSession, _ closure: WebSocketClosure)
}

extension WebSocketSessionDelegate {
  package func sessionOpened(_ session: WebSocketSession) {}

  package func sessionReceivedBinary(_ session: WebSocketSession) {
    session.close(.unsupportedData)
  }

  package func sessionShouldQuiesce(_ session: WebSocketSession) {
    session.close(.goingAway)
  }
}

/// How a WebSocket ended.
package struct WebSocketClosure: Sendable, Equatable {
  package enum Cause: Sendable, Equatable {
    /// The peer sent a close frame first.
    case peer
    /// This side did: the owner's wish, or the peer broke the protocol.
    case hub
    /// It went with no close frame.
    case lost
    /// The peer didn't read, and more than the limit waited for it.
    case outboundLimit
    /// The peer didn't read for too long.
    case writeTimeout
    /// Nothing came from the peer, not even answers to pings.
    case silence
  }

  package var cause: Cause
  package var code: WebSocketCloseCode
}

/// The limits of WebSockets. One for all of a port's, as each of them holds on to it.
package final class WebSocketLimits: Sendable {
  package static let standard = WebSocketLimits()

  /// A message's bytes, all its fragments together.
  let messageByteLimit = 16 * 1024
  /// More than this waiting for a peer that doesn't read closes the connection.
  let outboundByteLimit = 256 * 1024
  /// From this side's close frame to the end, whether or not the peer answers it.
  let closeTimeout = TimeAmount.seconds(5)
  let frames: FrameLimit?

  /// - Parameter frames: how many frames of any kind a peer may send; nil: any number.
  package init(frames: FrameLimit? = nil) { self.frames = frames }
}

/// So many frames a second, and as many more at once as make up a few seconds.
package struct FrameLimit: Sendable {
  /// Between two frames of a peer that sends as fast as it may.
  let interval: TimeAmount
  /// How far ahead of that pace a peer may be.
  let tolerance: TimeAmount
  let closeCode: WebSocketCloseCode

  package init(perSecond: Int, burstSeconds: Int, closeCode: WebSocketCloseCode) {
    interval = .nanoseconds(1_000_000_000 / Int64(perSecond))
    tolerance = .seconds(Int64(burstSeconds))
    self.closeCode = closeCode
  }
}

/// The server's end of one WebSocket that carries text: the handler behind NIO's frame codec.
///
/// Aggregates fragments, checks UTF-8, answers pings and the close handshake, fails the connection on a
/// broken protocol, and bounds what waits to be sent. Belongs to its channel's event loop; others reach
/// it through `sender`.
package final class WebSocketSession: ChannelInboundHandler {
  package typealias InboundIn = WebSocketFrame
  package typealias OutboundOut = WebSocketFrame

  private enum State {
    case open
    /// A close frame was sent or answered; data from the peer is dropped.
    case closing
    case closed
  }

  package let channel: any Channel
  private let limits: WebSocketLimits
  private var delegate: (any WebSocketSessionDelegate)?
  private var messages: WebSocketMessageState
  private var state = State.open
  private var closure = WebSocketClosure(cause: .lost, code: .abnormal)
  private var context: ChannelHandlerContext?
  private var closeTimer: Scheduled<Void>?
  /// While a read's frames are handled, answers to them are flushed once, at its end.
  private var isReading = false
  private var needsFlush = false
  /// When the peer was last heard of, by whatever kind of frame.
  package private(set) var lastRead = NIODeadline.now()
  /// When the next frame would be due, if the peer sent them as fast as it may (GCRA).
  private var nextFrame = NIODeadline.uptimeNanoseconds(0)

  /// - Parameter delegate: kept until the session is closed.
  package init(
    channel: any Channel, delegate: any WebSocketSessionDelegate,
    limits: WebSocketLimits = .standard
  ) {
    self.channel = channel
    self.delegate = delegate
    self.limits = limits
    messages = WebSocketMessageState(messageByteLimit: limits.messageByteLimit)
  }

  /// Lets any thread send.
  package var sender: WebSocketSender { WebSocketSender(self) }

  package var isOpen: Bool { state == .open && context != nil }

  // MARK: Sending

  /// Sends one text message, unless the session is closing. `text` must be valid UTF-8.
  package func sendText(_ text: ByteBuffer) {
    guard state == .open, let context else { return }
    guard mayWrite(text.readableBytes) else { return abandon(.outboundLimit) }
    write(WebSocketFrame(fin: true, opcode: .text, data: text), context: context)
  }

  package func sendText(_ text: String) {
    sendText(channel.allocator.buffer(string: text))
  }

  /// Starts the close handshake; the first call counts.
  /// - Parameter reason: for people; cut to the 123 bytes that fit.
  package func close(_ code: WebSocketCloseCode, reason: String = "") {
    guard state == .open else { return }
    closure = WebSocketClosure(cause: .hub, code: code)
    sendClose(code, reason: reason)
  }

  /// Asks the peer for a sign of life.
  package func ping() {
    guard state == .open, let context else { return }
    write(
      WebSocketFrame(fin: true, opcode: .ping, data: ByteBuffer()), context: context)
  }

  /// Whether anything waits that the kernel didn't take, because the peer hasn't read for a while.
  package var isBlocked: Bool {
    let waiting = try? channel.syncOptions?.getOption(.bufferedWritableBytes)
    return (waiting ?? 0) > 0
  }

  /// Ends the connection without a word: nobody would hear it.
  package func abandon(_ cause: WebSocketClosure.Cause) {
    guard let context else { return }
    if state == .open { closure = WebSocketClosure(cause: cause, code: .abnormal) }
    state = .closing
    context.close(promise: nil)
  }

  private func mayWrite(_ byteCount: Int) -> Bool {
    if channel.isWritable { return true }
    let waiting = try? channel.syncOptions?.getOption(.bufferedWritableBytes)
    return (waiting ?? 0) + byteCount <= limits.outboundByteLimit
  }

  /// - Parameter mode: what to close once the frame is out; nothing while the peer's answer is awaited.
  private func sendClose(
    _ code: WebSocketCloseCode, reason: String = "", then mode: CloseMode? = nil
  ) {
    guard let context else { return }
    state = .closing
    var payload = channel.allocator.buffer(capacity: 2 + reason.utf8.count)
    if code != .none {
      payload.writeInteger(code.rawValue)
      payload.writeSubstring(reason.prefix(utf8Count: 123))
    }
    let frame = WebSocketFrame(fin: true, opcode: .connectionClose, data: payload)
    let written = context.writeAndFlush(Self.wrapOutboundOut(frame))
    let channel = channel
    if let mode { written.whenComplete { _ in channel.close(mode: mode, promise: nil) } }
    closeTimer = context.eventLoop.assumeIsolated().scheduleTask(in: limits.closeTimeout) {
      context.close(promise: nil)
    }
  }

  private func write(_ frame: WebSocketFrame, context: ChannelHandlerContext) {
    context.write(Self.wrapOutboundOut(frame), promise: nil)
    if isReading { needsFlush = true } else { context.flush() }
  }

  // MARK: Receiving

  package func handlerAdded(context: ChannelHandlerContext) {
    self.context = context
    delegate?.sessionOpened(self)
  }

  package func handlerRemoved(context: ChannelHandlerContext) {
    end()
  }

  package func channelInactive(context: ChannelHandlerContext) {
    end()
    context.fireChannelInactive()
  }

  package func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    isReading = true
    let frame = Self.unwrapInboundIn(data)
    lastRead = .now()
    if state == .open, isTooFast() {
      let code = limits.frames?.closeCode ?? .protocolError
      closure = WebSocketClosure(cause: .hub, code: code)
      sendClose(code, reason: "too many frames", then: .output)
    } else if state == .open {
      perform(messages.receive(frame), context: context)
    } else if state == .closing, frame.opcode == .connectionClose {
      // The answer to this side's close frame, or one that crossed it.
      context.close(promise: nil)
    }
  }

  private func isTooFast() -> Bool {
    guard let frames = limits.frames else { return false }
    let due = max(nextFrame, lastRead)
    if due - lastRead > frames.tolerance { return true }
    nextFrame = due + frames.interval
    return false
  }

  package func channelReadComplete(context: ChannelHandlerContext) {
    isReading = false
    if needsFlush {
      needsFlush = false
      context.flush()
    }
    context.fireChannelReadComplete()
  }

  private func perform(_ action: WebSocketMessageState.Action, context: ChannelHandlerContext) {
    switch action {
    case .none: break
    case .text(let text): delegate?.session(self, received: text)
    case .binary: delegate?.sessionReceivedBinary(self)
    case .pong(let payload):
      // A peer that pings without reading gets no pongs piled up.
      if channel.isWritable {
        write(WebSocketFrame(fin: true, opcode: .pong, data: payload), context: context)
      }
    case .peerClosed(let code):
      closure = WebSocketClosure(cause: .peer, code: code)
      sendClose(code, then: .all)
    case .fail(let code): fail(code)
    }
  }

  /// Sends the close frame and nothing after it; the peer reads it, then the end of the stream.
  private func fail(_ code: WebSocketCloseCode) {
    guard state == .open else { return }
    closure = WebSocketClosure(cause: .hub, code: code)
    sendClose(code, then: .output)
  }

  package func errorCaught(context: ChannelHandlerContext, error: any Error) {
    switch error {
    case NIOWebSocketError.invalidFrameLength: fail(.messageTooBig)
    case is NIOWebSocketError: fail(.protocolError)
    // The decoder's complaint about bytes after one of the above.
    case is ByteToMessageDecoderError where state != .open: break
    default: context.close(promise: nil)
    }
  }

  package func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
    switch event {
    case is ChannelShouldQuiesceEvent where state == .open: delegate?.sessionShouldQuiesce(self)
    case ChannelEvent.inputClosed: context.close(promise: nil)
    default: context.fireUserInboundEventTriggered(event)
    }
  }

  private func end() {
    if state == .closed { return }
    state = .closed
    closeTimer?.cancel()
    context = nil
    let owner = delegate
    delegate = nil
    owner?.sessionClosed(self, closure)
  }
}
