import HummingbirdCore
import Logging
import NIOCore
import NIOHTTP1
import NIOHTTPTypesHTTP1
import NIOWebSocket

/// Sits behind NIO's `HTTPServerUpgradeHandler` until a connection's first request shows what the
/// connection is. If it is HTTP, puts Hummingbird's own handlers in its place.
///
/// The typed upgrade handler can't be used: it loses the head of a request whose upgrade isn't taken.
/// The other half of this class, the decision about the upgrade, is in FirstRequestUpgrade.swift.
final class FirstRequestHandler<Accepted: Sendable>: ChannelInboundHandler,
  RemovableChannelHandler
{
  typealias InboundIn = HTTPServerRequestPart
  typealias InboundOut = HTTPServerRequestPart
  typealias OutboundOut = HTTPServerResponsePart

  enum State {
    /// No request head yet.
    case waiting
    /// `shouldUpgrade` was asked and hasn't answered.
    case deciding
    /// The answer waits for NIO's upgrade handler to let go of the request.
    case refused(ReadyResponse)
    /// The rest of the request is awaited, then 101 is sent.
    case accepted(Accepted)
    /// HTTP is out of the pipeline, `onUpgrade` isn't done.
    case upgrading
    /// The last answer is written; the peer may read it and go.
    case lingering
    case done
  }

  let plan: UpgradePlan<Accepted>
  let logger: Logger
  var state = State.waiting
  private let plainRequests: PlainRequestHandler
  private let outcome: EventLoopPromise<OnePortConnection.Outcome>
  private var hasOutcome = false
  private var context: ChannelHandlerContext?
  private var timeout: Scheduled<Void>?
  private var opening: UInt64?
  /// Seen while nobody was there to act on them.
  private var isQuiescing = false
  private var isInputClosed = false

  init(
    plan: UpgradePlan<Accepted>, plainRequests: PlainRequestHandler,
    outcome: EventLoopPromise<OnePortConnection.Outcome>, logger: Logger
  ) {
    self.plan = plan
    self.plainRequests = plainRequests
    self.outcome = outcome
    self.logger = logger
  }

  func handlerAdded(context: ChannelHandlerContext) {
    self.context = context
    opening = plan.openings.enter(context.channel)
    closeAfter(plan.configuration.handshakeTimeout, context: context)
  }

  func handlerRemoved(context: ChannelHandlerContext) {
    timeout?.cancel()
    leaveOpenings()
    self.context = nil
    settle(.closed)
  }

  func channelInactive(context: ChannelHandlerContext) {
    leaveOpenings()
    settle(.closed)
    context.fireChannelInactive()
  }

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    switch state {
    case .waiting, .deciding:
      state = .done
      serveHTTP(firstPart: data, context: context)
    case .refused(let response): answerAndClose(response, context: context)
    case .upgrading, .done: context.fireChannelRead(data)
    case .lingering, .accepted: break
    }
  }

  func errorCaught(context: ChannelHandlerContext, error: any Error) {
    switch (state, error) {
    case (_, is NotUpgraded): break
    case (.waiting, let error as HTTPParserError), (.deciding, let error as HTTPParserError),
      (.accepted, let error as HTTPParserError):
      answerAndClose(plan.configuration.answer(PortFault(error), nil), context: context)
    case (.upgrading, _), (.done, _): context.fireErrorCaught(error)
    case (.lingering, _): break
    default: context.close(promise: nil)
    }
  }

  func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
    switch (state, event) {
    // Who has just connected may be about to send, and isn't turned away.
    case (.waiting, is ChannelShouldQuiesceEvent):
      isQuiescing = true
      closeAfter(plan.configuration.lastRequestTimeout, context: context)
    case (.done, _): context.fireUserInboundEventTriggered(event)
    case (_, is ChannelShouldQuiesceEvent): isQuiescing = true
    case (.upgrading, ChannelEvent.inputClosed): isInputClosed = true
    case (_, ChannelEvent.inputClosed): context.close(promise: nil)
    default: context.fireUserInboundEventTriggered(event)
    }
  }

  private func leaveOpenings() {
    if let opening = opening.take() { plan.openings.leave(opening) }
  }

  /// Handlers as Hummingbird's `HTTP1Channel` sets them up, behind those of our own.
  private func serveHTTP(firstPart: NIOAny, context: ChannelHandlerContext) {
    do {
      let pipeline = context.pipeline.syncOperations
      let directCalls = DirectCallHandler(
        configuration: plan.configuration,
        life: ConnectionLife(configuration: plan.configuration, room: plan.resting),
        encoder: try pipeline.context(handlerType: HTTPResponseEncoder.self))
      try pipeline.addHandlers([
        directCalls, HeadFieldHandler(), HTTP1ToHTTPServerCodec(secure: false),
      ])
      let channel = try HTTP1Channel.Value(
        wrappingChannelSynchronously: context.channel,
        configuration: .init(isOutboundHalfClosureEnabled: true))
      plainRequests.calls = directCalls
      settle(.http(channel))
    } catch {
      logger.error("Setting up an HTTP connection failed", metadata: ["error": "\(error)"])
      return context.close(promise: nil)
    }
    context.fireChannelRead(firstPart)
    leavePipeline(context: context)
  }

  /// Writes the connection's last answer. The peer may have sent more that nobody will read, so closing
  /// both ways at once could reset the connection before the answer is read.
  private func answerAndClose(_ response: ReadyResponse, context: ChannelHandlerContext) {
    state = .lingering
    var head = HTTPResponseHead(
      version: .http1_1, status: response.status, headers: response.headers)
    head.headers.replaceOrAdd(name: "Content-Length", value: "\(response.body.count)")
    head.headers.replaceOrAdd(name: "Connection", value: "close")
    context.write(Self.wrapOutboundOut(.head(head)), promise: nil)
    if !response.body.isEmpty {
      let body = context.channel.allocator.buffer(bytes: response.body)
      context.write(Self.wrapOutboundOut(.body(.byteBuffer(body))), promise: nil)
    }
    let channel = context.channel
    context.writeAndFlush(Self.wrapOutboundOut(.end(nil))).whenComplete { _ in
      channel.close(mode: .output, promise: nil)
    }
    closeAfter(plan.configuration.lingerTimeout, context: context)
  }

  /// Called once `onUpgrade` has put its handler at the pipeline's end.
  func upgradeDone() {
    state = .done
    settle(.upgraded)
    guard let context else { return }
    leavePipeline(context: context)
  }

  private func leavePipeline(context: ChannelHandlerContext) {
    if isQuiescing { context.fireUserInboundEventTriggered(ChannelShouldQuiesceEvent()) }
    if isInputClosed { context.fireUserInboundEventTriggered(ChannelEvent.inputClosed) }
    context.pipeline.syncOperations.removeHandler(context: context, promise: nil)
  }

  private func closeAfter(_ delay: TimeAmount, context: ChannelHandlerContext) {
    timeout?.cancel()
    timeout = context.eventLoop.assumeIsolated().scheduleTask(in: delay) {
      context.close(promise: nil)
    }
  }

  private func settle(_ value: OnePortConnection.Outcome) {
    if hasOutcome { return }
    hasOutcome = true
    outcome.succeed(value)
  }
}
