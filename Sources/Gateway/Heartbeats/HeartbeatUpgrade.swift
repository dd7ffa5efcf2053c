import Domain
import GatewayAPI
import GatewayPolicy
import Hummingbird
import HummingbirdCore
import Logging
import NIOCore
import NIOHTTP1
import NIOWebSocket
import OnePort
import ServiceLifecycle

/// Who gets a heartbeat WebSocket, decided before the upgrade.
struct HeartbeatUpgrade: Sendable {
  private static let path = "/v1/miners/heartbeat"
  private static let retryAfterSeconds = 10

  let desk: HeartbeatDesk
  let opening: ConnectionOpening

  private var gateway: Gateway { desk.gateway }

  /// - Parameters:
  ///   - responder: answers all other requests,
  ///   - route: but what this takes before.
  func server<Responder: HTTPResponder>(
    at place: PortPlace, responder: Responder, directly route: any DirectRoute,
    loops: any EventLoopGroup, onListening: @escaping @Sendable (SocketAddress?) -> Void
  ) -> some Service where Responder.Context == GatewayContext {
    var configuration = OnePortConfiguration()
    configuration.webSocketFrameByteLimit = Limits.webSocketFrameBytes
    configuration.answer = { fault, head in
      var answer = ReadyResponse(Self.problem(for: fault), requestID: Self.requestID(head))
      for (name, value) in fault.headers { answer.headers.replaceOrAdd(name: name, value: value) }
      return answer
    }
    configuration.directRoute = route
    configuration.prepare = opening.prepare
    configuration.onOpeningLimit = { [metrics = gateway.metrics] in
      metrics.limitHit("handshakes")
    }
    configuration.requestTimeout = .seconds(Int64(gateway.settings.requestTimeoutSeconds))
    configuration.handshakeTimeout = min(
      configuration.handshakeTimeout, configuration.requestTimeout)
    configuration.connectionLimit = { [gateway] in
      gateway.httpConnectionLimit(gateway.connections.count)
    }
    configuration.onConnectionLimit = { [metrics = gateway.metrics] in
      metrics.limitHit("http_connections")
    }
    return onePort(
      at: place, responder: responder, configuration: configuration, group: loops,
      logger: gateway.logger, date: { Timestamp.now.httpDate }, onListening: onListening,
      shouldUpgrade: { head, channel in
        guard Self.isHeartbeatPath(head.uri) else {
          return channel.eventLoop.makeSucceededFuture(.notMine)
        }
        if let decision = gateway.addresses.certified(channel, { decideAtOnce(head) }) {
          return channel.eventLoop.makeSucceededFuture(decision)
        }
        return channel.eventLoop.makeFutureWithTask { await self.decide(head, on: channel) }
      },
      onUpgrade: { channel, _, session in
        channel.eventLoop.makeCompletedFuture {
          try channel.pipeline.syncOperations.addHandler(
            WebSocketSession(
              channel: channel,
              delegate: HeartbeatConnection(
                desk: desk, clock: desk.clock(of: channel.eventLoop), session: session),
              limits: desk.limits))
        }
      })
  }

  /// As nearly always: with a session token there is nothing to be looked up. Or there is no room.
  private func decideAtOnce(_ head: HTTPRequestHead) -> UpgradeDecision<Session>? {
    let requestID = Self.requestID(head)
    if gateway.connections.count >= gateway.webSocketLimit {
      gateway.metrics.limitHit("websockets")
      let problem = Problem(
        .overloaded, "this gateway holds as many miners as it can",
        retryAfterSeconds: Self.retryAfterSeconds)
      return .refuse(ReadyResponse(problem, requestID: requestID))
    }
    guard let session = gateway.callers.knownMiner(presenting: Self.token(of: head)) else {
      return nil
    }
    return accept(session, requestID: requestID)
  }

  /// Unless too many come at once.
  private func accept(_ session: Session, requestID: String) -> UpgradeDecision<Session> {
    guard let retryAfterSeconds = desk.open() else {
      return .accept(session, headers: ["X-Request-ID": requestID])
    }
    gateway.metrics.limitHit("websocket_opens")
    let problem = Problem(
      .overloaded, "too many miners connect at once; this one's turn comes a little later",
      retryAfterSeconds: retryAfterSeconds)
    return .refuse(ReadyResponse(problem, requestID: requestID))
  }

  private func decide(
    _ head: HTTPRequestHead, on channel: any Channel
  ) async -> UpgradeDecision<Session> {
    let requestID = Self.requestID(head)
    do {
      let attempt = SignIns.Attempt(
        client: gateway.addresses.client(of: channel, head.headers), token: Self.token(of: head),
        hasKey: false, isRead: true)
      let session = try await gateway.addresses.certified(channel) { try await signIn(attempt) }
      return accept(session, requestID: requestID)
    } catch {
      let problem =
        error as? Problem ?? StoreProblem.of(error)
        ?? Problem(.internalError, "something went wrong here; it has been logged")
      return .refuse(ReadyResponse(problem, requestID: requestID))
    }
  }

  private func signIn(_ attempt: SignIns.Attempt) async throws -> Session {
    let signIns = SignIns(limits: gateway.limits, metrics: gateway.metrics)
    try signIns.check(attempt)
    do {
      return try await gateway.callers.miner(presenting: attempt.token)
    } catch let problem as Problem {
      try signIns.note(problem, attempt)
      throw problem
    }
  }

  /// What the port refuses by itself.
  private static func problem(for fault: PortFault) -> Problem {
    switch fault {
    case .malformedRequest, .badWebSocketKey: Problem(.badRequest, fault.detail)
    case .headTooLarge: Problem(.headersTooLarge, fault.detail)
    case .unsupportedWebSocketVersion: Problem(.upgradeRequired, fault.detail)
    case .decisionFailed: Problem(.storeUnavailable, fault.detail)
    }
  }

  private static func requestID(_ head: HTTPRequestHead?) -> String {
    RequestEnvelope.requestID(sent: head?.headers.first(name: "X-Request-ID"))
  }

  /// The bearer header's, or `?session_token=`.
  private static func token(of head: HTTPRequestHead) -> String? {
    head.headers.first(name: "Authorization").flatMap(Callers.bearer)
      ?? URI(head.uri).queryParameters["session_token"].map { String($0) }
  }

  /// With and without a trailing slash.
  private static func isHeartbeatPath(_ uri: String) -> Bool {
    let path = uri.prefix { $0 != "?" }
    return path == Self.path || path == Self.path + "/"
  }
}
