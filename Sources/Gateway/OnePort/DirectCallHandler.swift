import NIOCore
import NIOHTTP1

/// Answers the requests that a `DirectRoute` takes, and passes all others on, with answers in the
/// order of their requests.
///
/// Direct calls may be unanswered several at a time. Anything else waits until they are answered, and
/// nothing is taken directly while an ordinary request is unanswered: so the two ways in never meet.
final class DirectCallHandler: ChannelDuplexHandler {
  typealias InboundIn = HTTPServerRequestPart
  typealias InboundOut = HTTPServerRequestPart
  typealias OutboundIn = HTTPServerResponsePart
  typealias OutboundOut = HTTPServerResponsePart

  /// Pipelined calls of one connection that may be unanswered.
  private static let callLimit = 64

  private enum Held {
    case part(HTTPServerRequestPart)
    case error(any Error)
    case inputClosed
  }

  private struct Reading {
    var call: any DirectCall
    var body: ByteBuffer?
  }

  private let configuration: OnePortConfiguration
  private let life: ConnectionLife
  private let encoder: ChannelHandlerContext
  private var desk: (any DirectDesk)?
  private var context: ChannelHandlerContext?
  private var reading: Reading?
  private var answers = AnswerQueue<ReadyResponse>()
  private var ordinaryCount = 0
  /// From a request on that may be the connection's last, everything goes the ordinary way.
  private var isOrdinaryFromNow = false
  /// What came and has to wait; as long as there is any, nothing more is read.
  private var held = CircularBuffer<Held>()
  private var isReadHeld = false
  private var isReleasing = false
  private var hasPassedOn = false
  private var hasUnflushed = false
  /// What follows is no request any more.
  private var isBroken = false

  /// - Parameters:
  ///   - configuration: without a direct route everything goes the ordinary way.
  ///   - encoder: where ordinary answers become bytes; direct ones leave from there.
  init(
    configuration: OnePortConfiguration, life: ConnectionLife, encoder: ChannelHandlerContext
  ) {
    self.configuration = configuration
    self.life = life
    self.encoder = encoder
  }

  func handlerAdded(context: ChannelHandlerContext) {
    self.context = context
    desk = configuration.directRoute?.desk(on: context.eventLoop)
    life.begin(context: context)
  }

  func handlerRemoved(context: ChannelHandlerContext) {
    self.context = nil
    life.end()
    reading = nil
    held.removeAll()
  }

  // MARK: In

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    if isBroken { return }
    let part = Self.unwrapInboundIn(data)
    if case .head(let head) = part, !head.namesItsHost {
      isBroken = true
      return take(.error(HTTPParserError.invalidHeaderToken), context: context)
    }
    guard life.read(part) else { return context.close(promise: nil) }
    take(.part(part), context: context)
  }

  func channelInactive(context: ChannelHandlerContext) {
    life.end()
    context.fireChannelInactive()
  }

  func errorCaught(context: ChannelHandlerContext, error: any Error) {
    if isBroken { return }
    isBroken = error is HTTPParserError
    take(.error(error), context: context)
  }

  func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
    switch event {
    case is ChannelShouldQuiesceEvent:
      if life.quiesce() { part(context: context) }
    case ChannelEvent.inputClosed: take(.inputClosed, context: context)
    default: context.fireUserInboundEventTriggered(event)
    }
  }

  func channelReadComplete(context: ChannelHandlerContext) {
    guard hasPassedOn else { return }
    hasPassedOn = false
    context.fireChannelReadComplete()
  }

  func read(context: ChannelHandlerContext) {
    if held.isEmpty { context.read() } else { isReadHeld = true }
  }

  /// A whole request that came past the decoder.
  /// - Returns: false when it is to come through it.
  func take(_ head: HTTPRequestHead, body: ByteBuffer) -> Bool {
    guard let context, held.isEmpty, !isBroken, answers.count < Self.callLimit,
      let call = directCall(head, context: context)
    else { return false }
    life.readWhole()
    call.answer(body: body, DirectReply(handler: self, number: answers.reserve()))
    return true
  }

  private func take(_ item: Held, context: ChannelHandlerContext) {
    if !held.isEmpty || !takeNow(item, context: context) { held.append(item) }
  }

  /// - Returns: false when it must wait for answers.
  private func takeNow(_ item: Held, context: ChannelHandlerContext) -> Bool {
    switch item {
    case .part(.head(let head)): return takeHead(head, context: context)
    case .part(.body(var bytes)):
      if reading == nil { return passOn(item, context: context) }
      if reading?.body?.writeBuffer(&bytes) == nil { reading?.body = bytes }
      return true
    case .part(.end):
      guard let request = reading else { return passOn(item, context: context) }
      reading = nil
      let reply = DirectReply(handler: self, number: answers.reserve())
      request.call.answer(body: request.body ?? ByteBuffer(), reply)
      return true
    case .error(let error as HTTPParserError)
    where !life.isRequestBeingRead && error != .closedConnection:
      // Between two requests it is ours to answer, in its turn.
      guard answers.isEmpty, ordinaryCount == 0 else { return false }
      refuse(PortFault(error), context: context)
      return true
    case .error, .inputClosed: return answers.isEmpty && passOn(item, context: context)
    }
  }

  /// The connection's last answer. The peer may have sent more, so it gets a while to read this.
  private func refuse(_ fault: PortFault, context: ChannelHandlerContext) {
    isBroken = true
    var response = configuration.answer(fault, nil)
    response.headers.replaceOrAdd(name: "Connection", value: "close")
    let bytes = response.bytes(allocator: context.channel.allocator)
    encoder.write(NIOAny(IOData.byteBuffer(bytes)), promise: nil)
    context.flush()
    context.close(mode: .output, promise: nil)
    life.linger(for: configuration.lingerTimeout, context: context)
  }

  /// The server stops, and nobody waits for an answer. A request that is on its way all the same is read and dropped:
  /// to close with it unread would reset the connection, which a proxy, unlike an end without an answer, doesn't try
  /// elsewhere.
  private func part(context: ChannelHandlerContext) {
    isBroken = true
    context.close(mode: .output, promise: nil)
    life.linger(for: configuration.lastRequestTimeout, context: context)
  }

  private func takeHead(_ head: HTTPRequestHead, context: ChannelHandlerContext) -> Bool {
    if answers.count >= Self.callLimit { return false }
    if let call = directCall(head, context: context) {
      reading = Reading(call: call)
      return true
    }
    guard answers.isEmpty else { return false }
    ordinaryCount += 1
    if head.version != .http1_1 || head.headers.contains(name: "Connection") {
      isOrdinaryFromNow = true
    }
    return passOn(.part(.head(head)), context: context)
  }

  private func directCall(
    _ head: HTTPRequestHead, context: ChannelHandlerContext
  ) -> (any DirectCall)? {
    guard ordinaryCount == 0, !isOrdinaryFromNow else { return nil }
    return desk?.take(head, from: context.channel)
  }

  private func passOn(_ item: Held, context: ChannelHandlerContext) -> Bool {
    hasPassedOn = true
    switch item {
    case .part(let part): context.fireChannelRead(Self.wrapInboundOut(part))
    case .error(let error): context.fireErrorCaught(error)
    case .inputClosed: context.fireUserInboundEventTriggered(ChannelEvent.inputClosed)
    }
    return true
  }

  // MARK: Out

  func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
    switch Self.unwrapOutboundIn(data) {
    case .head(var head) where life.isLastAnswer && head.status.code >= 200:
      head.headers.replaceOrAdd(name: "Connection", value: "close")
      return context.write(Self.wrapOutboundOut(.head(head)), promise: promise)
    case .head, .body: return context.write(data, promise: promise)
    case .end: break
    }
    ordinaryCount = max(0, ordinaryCount - 1)
    if life.answerEnds() {
      context.writeAndFlush(data, promise: promise)
      context.close(promise: nil)
    } else {
      context.write(data, promise: promise)
      if ordinaryCount == 0, !held.isEmpty { release(context: context) }
    }
  }

  func answered(_ number: Int, with response: ReadyResponse) {
    guard let context else { return }
    var isLast = false
    if answers.pass(number) {
      isLast = write(response, context: context)
    } else {
      answers.fill(number, with: response)
    }
    while let next = answers.popFirst() { isLast = write(next, context: context) }
    if isLast {
      encoder.flush()
      context.close(promise: nil)
    }
  }

  /// - Returns: true when the connection is to be closed behind it.
  private func write(_ response: ReadyResponse, context: ChannelHandlerContext) -> Bool {
    var response = response
    let isLast = life.isLastAnswer
    if isLast { response.headers.replaceOrAdd(name: "Connection", value: "close") }
    let bytes = response.bytes(allocator: context.channel.allocator)
    encoder.write(NIOAny(IOData.byteBuffer(bytes)), promise: nil)
    hasUnflushed = true
    _ = life.answerEnds()
    return isLast
  }

  func flushAnswers() {
    guard hasUnflushed, let context else { return }
    hasUnflushed = false
    encoder.flush()
    if !held.isEmpty { release(context: context) }
  }

  /// Answers have left, so that what waited for them may go on.
  private func release(context: ChannelHandlerContext) {
    // A call may be answered while it is being released.
    if isReleasing { return }
    isReleasing = true
    defer { isReleasing = false }
    while let item = held.first, takeNow(item, context: context) {
      // Whatever it led to may have closed the connection.
      if held.isEmpty { return }
      held.removeFirst()
    }
    guard held.isEmpty else { return }
    channelReadComplete(context: context)
    if isReadHeld {
      isReadHeld = false
      context.read()
    }
  }
}

extension HTTPRequestHead {
  /// RFC 9112 wants exactly one `Host`; with none or two, a proxy in front may have read another one.
  fileprivate var namesItsHost: Bool {
    if version != .http1_1 { return true }
    var count = 0
    for (name, _) in headers where name.utf8.count == 4 && name.lowercased() == "host" {
      count += 1
    }
    return count == 1
  }
}
