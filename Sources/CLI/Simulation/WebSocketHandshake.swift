import NIOCore
import NIOHTTP1
import NIOWebSocket
import Synchronization

/// The client's half of RFC 6455's opening, and the reading of a refusal.
enum WebSocketHandshake {
  enum Result: Sendable {
    case upgraded(WebSocketClient)
    case refused(HubAnswer)
  }

  /// A refusal's answer can only be read once the upgrade is given up, so it comes in two steps.
  private enum Step: Sendable {
    case upgraded(WebSocketClient)
    case refused(EventLoopFuture<HubAnswer>)
  }

  /// The most that one message from the server may hold.
  private static let frameLimit = 1024 * 1024

  /// Sets `channel` up and sends the request. Call on its event loop.
  static func start(
    on channel: any Channel, target: WebSocketTarget, headers: [(String, String)],
    timeout: TimeAmount
  ) throws -> EventLoopFuture<Result> {
    var head = HTTPRequestHead(version: .http1_1, method: .GET, uri: target.path)
    head.headers.add(name: "Host", value: "\(target.host):\(target.port)")
    for (name, value) in headers { head.headers.add(name: name, value: value) }
    let upgrader = NIOTypedWebSocketClientUpgrader<Step>(maxFrameSize: frameLimit) { channel, _ in
      channel.eventLoop.makeCompletedFuture {
        let connection = WebSocketConnection()
        try channel.pipeline.syncOperations.addHandler(WebSocketHandler(connection))
        return .upgraded(WebSocketClient(channel: channel, connection: connection))
      }
    }
    var configuration = NIOUpgradableHTTPClientPipelineConfiguration<Step>(
      upgradeConfiguration: .init(
        upgradeRequestHead: head, upgraders: [upgrader],
        notUpgradingCompletionHandler: { channel in
          channel.eventLoop.makeCompletedFuture {
            let answer = channel.eventLoop.makePromise(of: HubAnswer.self)
            try channel.pipeline.syncOperations.addHandler(RefusalHandler(answer))
            return .refused(answer.futureResult)
          }
        }))
    configuration.leftOverBytesStrategy = .forwardBytes
    let step = try channel.pipeline.syncOperations.configureUpgradableHTTPClientPipeline(
      configuration: configuration)
    let result = step.flatMap { step in
      switch step {
      case .upgraded(let client): channel.eventLoop.makeSucceededFuture(Result.upgraded(client))
      case .refused(let answer): answer.map { .refused($0) }
      }
    }
    let deadline = channel.eventLoop.scheduleTask(in: timeout) { channel.close(promise: nil) }
    result.whenComplete { outcome in
      deadline.cancel()
      if case .failure = outcome { channel.close(promise: nil) }
    }
    return result
  }
}

/// Collects the HTTP answer that stands in for an upgrade, then hangs up.
private final class RefusalHandler: ChannelInboundHandler {
  typealias InboundIn = HTTPClientResponsePart

  private let promise: EventLoopPromise<HubAnswer>
  private var head: HTTPResponseHead?
  private var body: [UInt8] = []

  init(_ promise: EventLoopPromise<HubAnswer>) { self.promise = promise }

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    switch unwrapInboundIn(data) {
    case .head(let head): self.head = head
    case .body(let part): body += part.readableBytesView
    case .end:
      let headers = head?.headers.map { (name: $0.name, value: $0.value) } ?? []
      let status = Int(head?.status.code ?? 0)
      promise.succeed(HubAnswer(status: status, headers: headers, body: body))
      context.close(promise: nil)
    }
  }

  func channelInactive(context: ChannelHandlerContext) {
    promise.fail(ChannelError.eof)
    context.fireChannelInactive()
  }

  func errorCaught(context: ChannelHandlerContext, error: any Error) {
    promise.fail(error)
    context.close(promise: nil)
  }
}

/// What the handler learns and the client shows.
final class WebSocketConnection: Sendable {
  struct Closing {
    var code: Int?
    var reason = ""
  }

  let inbox = Inbox<WebSocketClient.Message>()
  let closing = Mutex(Closing())
}

/// Turns frames into messages.
private final class WebSocketHandler: ChannelInboundHandler {
  typealias InboundIn = WebSocketFrame
  typealias OutboundOut = WebSocketFrame

  private let connection: WebSocketConnection
  /// The first frame's opcode and what has come of its message so far.
  private var unfinished: (opcode: WebSocketOpcode, payload: [UInt8])?

  init(_ connection: WebSocketConnection) { self.connection = connection }

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    let frame = unwrapInboundIn(data)
    let payload = Array(frame.unmaskedData.readableBytesView)
    switch frame.opcode {
    case .text, .binary:
      unfinished = (frame.opcode, payload)
      if frame.fin { deliver() }
    case .continuation:
      unfinished?.payload += payload
      if frame.fin { deliver() }
    case .ping: reply(context, .pong, payload)
    case .pong: connection.inbox.put(.pong(payload))
    case .connectionClose: noteClose(context, payload)
    default: break
    }
  }

  func channelInactive(context: ChannelHandlerContext) {
    connection.inbox.finish()
    context.fireChannelInactive()
  }

  func errorCaught(context: ChannelHandlerContext, error: any Error) {
    context.close(promise: nil)
  }

  private func deliver() {
    guard let (opcode, payload) = unfinished else { return }
    unfinished = nil
    let isText = opcode == .text
    connection.inbox.put(
      isText ? .text(String(decoding: payload, as: UTF8.self)) : .binary(payload))
  }

  private func noteClose(_ context: ChannelHandlerContext, _ payload: [UInt8]) {
    connection.closing.withLock { closing in
      guard payload.count >= 2 else { return }
      closing.code = Int(payload[0]) << 8 | Int(payload[1])
      closing.reason = String(decoding: payload[2...], as: UTF8.self)
    }
    // Whoever closes second echoes the code; a second close of our own does no harm.
    reply(context, .connectionClose, Array(payload.prefix(2)))
    context.close(promise: nil)
  }

  private func reply(
    _ context: ChannelHandlerContext, _ opcode: WebSocketOpcode, _ payload: [UInt8]
  ) {
    let frame = WebSocketFrame(
      fin: true, opcode: opcode, maskKey: .random(), data: ByteBuffer(bytes: payload))
    context.writeAndFlush(wrapOutboundOut(frame), promise: nil)
  }
}
