import Hummingbird
import HummingbirdCore
import Logging
import NIOCore
import NIOHTTP1
import NIOPosix
import ServiceLifecycle
import Synchronization

@testable import OnePort

/// What the sessions of one server saw.
final class SessionLog: Sendable {
  private let closures: AsyncStream<WebSocketClosure>
  private let continuation: AsyncStream<WebSocketClosure>.Continuation
  let upgradedTokens = Mutex<[String]>([])

  init() {
    (closures, continuation) = AsyncStream.makeStream()
  }

  func add(_ closure: WebSocketClosure) {
    continuation.yield(closure)
  }

  func nextClosure() async -> WebSocketClosure? {
    await closures.first { _ in true }
  }
}

/// Echoes texts; `flood` is answered with more than any peer's buffers hold.
final class EchoDelegate: WebSocketSessionDelegate {
  let log: SessionLog

  init(log: SessionLog) {
    self.log = log
  }

  func session(_ session: WebSocketSession, received text: ByteBuffer) {
    switch String(buffer: text) {
    case "close me": session.close(WebSocketCloseCode(rawValue: 4401), reason: "revoked")
    case "flood":
      let chunk = ByteBuffer(repeating: UInt8(ascii: "x"), count: 64 * 1024)
      for _ in 0..<1024 where session.isOpen { session.sendText(chunk) }
    default: session.sendText(text)
    }
  }

  func sessionShouldQuiesce(_ session: WebSocketSession) {
    session.sendText("bye")
    session.close(.goingAway)
  }

  func sessionClosed(_ session: WebSocketSession, _ closure: WebSocketClosure) {
    log.add(closure)
  }
}

/// Opened from outside, so that a test decides when a request or a decision goes on.
final class Latch: Sendable {
  private let promise = MultiThreadedEventLoopGroup.singleton.any().makePromise(of: Void.self)
  private let arrivals: AsyncStream<Void>
  private let arrived: AsyncStream<Void>.Continuation

  init() {
    (arrivals, arrived) = AsyncStream.makeStream()
  }

  /// Tells `waitForArrival`, then waits for `open`.
  var future: EventLoopFuture<Void> {
    arrived.yield()
    return promise.futureResult
  }

  func waitForArrival() async {
    _ = await arrivals.first { _ in true }
  }

  func open() {
    promise.succeed()
  }
}

/// A server on a free port: `/` and `/echo` by Hummingbird's router, WebSockets at `/ws`.
struct TestServer {
  let port: Int
  let log: SessionLog
  let latch: Latch
  private let group: ServiceGroup

  /// Runs a server for the length of `body`; then, or when `body` stopped it before, waits for its end.
  static func run(
    at place: PortPlace = .address(host: "127.0.0.1", port: 0),
    configuration: OnePortConfiguration = OnePortConfiguration(),
    _ body: (TestServer) async throws -> Void
  ) async throws {
    let (ports, portFound) = AsyncStream.makeStream(of: Int.self)
    let log = SessionLog()
    let latch = Latch()
    let service = service(at: place, configuration, log: log, latch: latch) {
      portFound.yield($0?.port ?? 0)
    }
    let group = ServiceGroup(configuration: .init(services: [service], logger: quietLogger))
    let running = Task { try await group.run() }
    guard let port = await ports.first(where: { _ in true }) else { return }
    let server = TestServer(port: port, log: log, latch: latch, group: group)
    do {
      try await body(server)
    } catch {
      await server.stop()
      latch.open()
      throw error
    }
    await server.stop()
    latch.open()
    try await running.value
  }

  func stop() async {
    await group.triggerGracefulShutdown()
  }

  private static let quietLogger = Logger(label: "test", factory: { _ in SwiftLogNoOpLogHandler() })

  private static func router(latch: Latch) -> Router<BasicRequestContext> {
    let router = Router()
    router.get("/") { _, _ in "hello" }
    router.head("/") { _, _ in Response(status: .ok, headers: [.contentLength: "5"]) }
    router.get("/numbers/{number}") { _, context in context.parameters.get("number") ?? "" }
    router.get("/ws") { _, _ in Response(status: .init(code: 426), headers: [.upgrade: "websocket"])
    }
    router.get("/slow") { _, _ in
      try await latch.future.get()
      return "slow"
    }
    router.post("/direct") { _, _ in "by the router" }
    router.post("/echo") { request, _ in
      let body = try await request.body.collect(upTo: 1 << 20)
      return Response(status: .ok, body: ResponseBody(byteBuffer: body))
    }
    return router
  }

  private static func service(
    at place: PortPlace, _ configuration: OnePortConfiguration, log: SessionLog, latch: Latch,
    onListening: @escaping @Sendable (SocketAddress?) -> Void
  ) -> some Service {
    onePort(
      at: place, responder: router(latch: latch).buildResponder(), configuration: configuration,
      group: MultiThreadedEventLoopGroup.singleton, logger: quietLogger,
      date: { "Sun, 06 Nov 1994 08:49:37 GMT" }, onListening: onListening,
      shouldUpgrade: { head, channel -> EventLoopFuture<UpgradeDecision<String>> in
        // A later turn of another loop, as after a look-up in a store.
        let elsewhere = MultiThreadedEventLoopGroup.singleton.any()
        switch head.uri {
        case "/ws?token=good": return elsewhere.submit { .accept("miner-1", headers: ["X-A": "b"]) }
        case "/ws?token=slow": return latch.future.map { .accept("miner-2") }
        case "/ws?token=broken": return elsewhere.makeFailedFuture(ChannelError.eof)
        case let uri where uri.hasPrefix("/ws"): return elsewhere.submit { .refuse(unauthorized) }
        default: return elsewhere.submit { .notMine }
        }
      },
      onUpgrade: { channel, _, token in
        log.upgradedTokens.withLock { $0.append(token) }
        return channel.eventLoop.makeCompletedFuture {
          try channel.pipeline.syncOperations.addHandler(
            WebSocketSession(channel: channel, delegate: EchoDelegate(log: log)))
        }
      })
  }

  private static let unauthorized = ReadyResponse(
    status: .unauthorized, headers: ["Content-Type": "application/problem+json"],
    body: Array(#"{"status":401}"#.utf8))
}
