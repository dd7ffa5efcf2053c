import Hummingbird
import HummingbirdCore
import Logging
import NIOCore
import NIOHTTP1
import NIOWebSocket
import ServiceLifecycle

/// HTTP/1.1 by Hummingbird's own handlers, and WebSockets, on one port.
///
/// Only the first request of a connection can be upgraded, as every WebSocket client does it.
/// - Parameters:
///   - date: the `Date` of answers to come.
///   - onListening: called with the address, once a socket.
///   - shouldUpgrade: asked, on the channel's event loop, about each first request that is a `GET`
///     with `Upgrade: websocket` and no body. It may take its time (the handshake's timeout bounds
///     it) and answer on any event loop.
///   - onUpgrade: called on the channel's event loop once 101 is flushed. It adds the handler that
///     takes the `WebSocketFrame`s, a `WebSocketSession` as a rule. Bytes wait until it is done;
///     failing closes the channel.
package func onePort<Responder: HTTPResponder, Accepted: Sendable>(
  at place: PortPlace, responder: Responder,
  configuration: OnePortConfiguration = OnePortConfiguration(), group: any EventLoopGroup,
  logger: Logger, date: @escaping @Sendable () -> String,
  onListening: @escaping @Sendable (SocketAddress?) -> Void,
  shouldUpgrade:
    @escaping @Sendable (HTTPRequestHead, any Channel)
    -> EventLoopFuture<UpgradeDecision<Accepted>>,
  onUpgrade:
    @escaping @Sendable (any Channel, HTTPRequestHead, Accepted) -> EventLoopFuture<Void>
) -> some Service
where Responder.Context: InitializableFromSource<ApplicationRequestContextSource> {
  PortServer(
    place: place,
    channel: OnePortChannel(
      plan: UpgradePlan(
        configuration: configuration, shouldUpgrade: shouldUpgrade, onUpgrade: onUpgrade),
      http: HTTP1Channel(responder: answering(by: responder, date: date, logger: logger))),
    group: group, logger: logger, onListening: onListening)
}

/// Gives each request to `responder` and writes its answer.
private func answering<Responder: HTTPResponder>(
  by responder: Responder, date: @escaping @Sendable () -> String, logger: Logger
) -> HTTPChannelHandler.Responder
where Responder.Context: InitializableFromSource<ApplicationRequestContextSource> {
  { request, writer, channel in
    let context = Responder.Context(
      source: ApplicationRequestContextSource(channel: channel, logger: logger))
    var response: Response
    do {
      response = try await responder.respond(to: request, context: context)
    } catch let error as HTTPParserError {
      throw error
    } catch {
      response = Response(status: .internalServerError)
    }
    response.headers[.date] = date()
    do {
      try await writer.write(response: response.head, body: response.body)
    } catch is HTTPParserError {
      // Half of an answer is out: a second one mustn't follow.
      throw HalfAnswered()
    }
  }
}

private struct HalfAnswered: Error {}

/// What every connection of a port shares.
struct UpgradePlan<Accepted: Sendable>: Sendable {
  let configuration: OnePortConfiguration
  let shouldUpgrade:
    @Sendable (HTTPRequestHead, any Channel) -> EventLoopFuture<UpgradeDecision<Accepted>>
  let onUpgrade: @Sendable (any Channel, HTTPRequestHead, Accepted) -> EventLoopFuture<Void>
  let upgraded = UpgradedChannels()
  let openings: OpeningRoom
  let resting: RestingRoom
  /// Computes the handshake's answer and adds the frame codec; deciding is done before it.
  let webSocketUpgrader: NIOWebSocketServerUpgrader

  init(
    configuration: OnePortConfiguration,
    shouldUpgrade:
      @escaping @Sendable (HTTPRequestHead, any Channel)
      -> EventLoopFuture<UpgradeDecision<Accepted>>,
    onUpgrade:
      @escaping @Sendable (any Channel, HTTPRequestHead, Accepted) -> EventLoopFuture<Void>
  ) {
    self.configuration = configuration
    openings = OpeningRoom(
      limit: configuration.openingLimit, onEviction: configuration.onOpeningLimit)
    resting = RestingRoom(
      limit: configuration.connectionLimit, onEviction: configuration.onConnectionLimit)
    self.shouldUpgrade = shouldUpgrade
    self.onUpgrade = onUpgrade
    webSocketUpgrader = NIOWebSocketServerUpgrader(
      maxFrameSize: configuration.webSocketFrameByteLimit,
      automaticErrorHandling: false,
      shouldUpgrade: { channel, _ in channel.eventLoop.makeSucceededFuture([:]) },
      upgradePipelineHandler: { channel, _ in channel.eventLoop.makeSucceededVoidFuture() })
  }
}

/// A connection of which it isn't known yet what it will be.
struct OnePortConnection: ServerChildChannelValue {
  enum Outcome: Sendable {
    case http(HTTP1Channel.Value)
    case upgraded
    case closed
  }

  let channel: any Channel
  let outcome: EventLoopFuture<Outcome>
}

/// Sets up each accepted connection, and runs those that turn out to be HTTP.
struct OnePortChannel<Accepted: Sendable>: ServerChildChannel {
  let plan: UpgradePlan<Accepted>
  let http: HTTP1Channel

  func setup(channel: any Channel, logger: Logger) -> EventLoopFuture<OnePortConnection> {
    channel.eventLoop.makeCompletedFuture {
      let outcome = channel.eventLoop.makePromise(of: OnePortConnection.Outcome.self)
      let plainRequests = PlainRequestHandler(
        headByteLimit: plan.configuration.plainHeadByteLimit)
      let firstRequest = FirstRequestHandler(
        plan: plan, plainRequests: plainRequests, outcome: outcome, logger: logger)
      do {
        try plan.configuration.prepare(channel)
        try channel.pipeline.syncOperations.addHandler(plainRequests)
        try channel.pipeline.syncOperations.configureHTTPServerPipeline(
          withPipeliningAssistance: false,
          withServerUpgrade: ([firstRequest], { _ in }),
          withErrorHandling: false,
          withOutboundHeaderValidation: false,
          withEncoderConfiguration: .init(),
          withDecoderLimitConfiguration: plan.configuration.decoderLimits)
        try channel.pipeline.syncOperations.addHandler(firstRequest)
      } catch {
        outcome.fail(error)
        throw error
      }
      return OnePortConnection(channel: channel, outcome: outcome.futureResult)
    }
  }

  func handle(value connection: OnePortConnection, logger: Logger) async {
    let outcome = await withTaskCancellationHandler {
      try? await connection.outcome.get()
    } onCancel: {
      connection.channel.close(promise: nil)
    }
    switch outcome {
    case .http(let channel): await http.handle(value: channel, logger: logger)
    case .upgraded: await plan.upgraded.waitUntilNone()
    case .closed, nil: break
    }
  }
}
