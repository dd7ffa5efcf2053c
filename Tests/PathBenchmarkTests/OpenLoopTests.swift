import Fleet
import GatewayAPI
import JSON
import NIOCore
import NIOHTTP1
import NIOPosix
import PathBenchmark
import Synchronization
import Testing
import Threads

@Suite("Requests at a fixed rate") struct OpenLoopTests {
  @Test("all are answered, at the rate that was asked for")
  func answersAll() async throws {
    let server = try await Server.start(delay: .zero, status: .ok)
    let result = try await run(port: server.port, connections: 4, perSecond: 1_000, seconds: 0.5)
    try await server.stop()
    #expect(result.answered == 500 && result.refused == 0 && result.lost == 0)
    #expect(result.perSecond < 1_100)
  }

  @Test("what waits for a free connection counts from when it was due")
  func countsWaiting() async throws {
    let server = try await Server.start(delay: .milliseconds(20), status: .ok)
    // One connection bears fifty a second: of forty in a tenth of a second the last waits for most of one.
    let result = try await run(port: server.port, connections: 1, perSecond: 400, seconds: 0.1)
    try await server.stop()
    #expect(result.answered == 40)
    #expect(result.p99Milliseconds > 500)
    #expect(result.p50Milliseconds > 200 && result.p50Milliseconds < result.p99Milliseconds)
  }

  @Test("a connection may bear several unanswered, each with its own answer")
  func pipelined() async throws {
    let server = try await Server.start(delay: .milliseconds(1), status: .ok)
    let result = try await run(
      port: server.port, connections: 2, pipelined: 8, perSecond: 500, seconds: 0.4)
    try await server.stop()
    #expect(result.answered == 200 && result.refused == 0 && result.lost == 0)
  }

  @Test("refusals are told from answers")
  func countsRefusals() async throws {
    let server = try await Server.start(delay: .zero, status: .serviceUnavailable)
    let result = try await run(port: server.port, connections: 2, perSecond: 500, seconds: 0.1)
    try await server.stop()
    #expect(result.answered == 0 && result.refused == 50)
  }

  @Test("connections that weren't needed yet may end")
  func unneeded() async throws {
    let server = try await Server.start(delay: .zero, status: .ok, isImpatient: true)
    let result = try await run(
      port: server.port, connections: 4, pipelined: 1_000, perSecond: 500, seconds: 0.2)
    try await server.stop()
    #expect(result.answered == 100 && result.lost == 0)
  }

  @Test("nobody there is an error")
  func nobody() async throws {
    let port = try FreePort.choose()
    await #expect(throws: (any Error).self) {
      try await run(port: port, connections: 1, perSecond: 10, seconds: 0.1)
    }
  }

  private func run(
    port: Int, connections: Int, pipelined: Int = 1, perSecond: Double, seconds: Double
  ) async throws -> OpenLoop.Result {
    let body = Array(repeating: UInt8(ascii: "x"), count: 300)
    return try await OpenLoop.run(
      port: port, connections: connections, pipelined: pipelined,
      requests: [HTTPRequestText.post("/", bearer: "secret", body: body)], perSecond: perSecond,
      seconds: seconds)
  }
}

@Suite("Typical requests") struct MatchBodiesTests {
  @Test("are different, repeatable, and such as the gateway reads")
  func typical() throws {
    let bodies = MatchBodies.typical(10_000, seed: 3)
    #expect(Set(bodies).count == 10_000)
    #expect(MatchBodies.typical(10_000, seed: 3) == bodies)
    for body in bodies.prefix(200) {
      let query = try body.withUnsafeBytes { try MatchRequest(body: $0) }.query
      #expect(query.topK == 3 && query.region != nil && query.maxPrice != nil)
      #expect((1...2).contains(query.capabilitiesAny.count))
    }
  }

  @Test("a batch is many in one body")
  func batches() throws {
    let batch = try #require(MatchBodies.batches(2, of: 64, seed: 1).last)
    #expect(try JSONValue.parse(batch)["requests"]?.array?.count == 64)
  }
}

/// Answers every request with the same, after a while. If it is impatient, the first request ends the connections
/// that asked nothing yet.
private struct Server {
  let channel: any Channel

  var port: Int { channel.localAddress?.port ?? 0 }

  static func start(
    delay: TimeAmount, status: HTTPResponseStatus, isImpatient: Bool = false
  ) async throws -> Server {
    let silent = isImpatient ? SilentChannels() : nil
    let channel = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
      .childChannelInitializer { channel in
        channel.eventLoop.makeCompletedFuture {
          try channel.pipeline.syncOperations.configureHTTPServerPipeline()
          try channel.pipeline.syncOperations.addHandler(
            Handler(delay: delay, status: status, silent: silent))
        }
      }
      .bind(host: "127.0.0.1", port: 0).get()
    return Server(channel: channel)
  }

  func stop() async throws { try await channel.close() }

  private final class Handler: ChannelInboundHandler {
    typealias InboundIn = HTTPServerRequestPart
    typealias OutboundOut = HTTPServerResponsePart

    private let delay: TimeAmount
    private let status: HTTPResponseStatus
    private let silent: SilentChannels?

    init(delay: TimeAmount, status: HTTPResponseStatus, silent: SilentChannels?) {
      self.delay = delay
      self.status = status
      self.silent = silent
    }

    func channelActive(context: ChannelHandlerContext) { silent?.add(context.channel) }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
      guard case .end = Self.unwrapInboundIn(data) else { return }
      silent?.endAll(but: context.channel)
      let head = HTTPResponseHead(
        version: .http1_1, status: status, headers: ["Content-Length": "5"])
      let bound = NIOLoopBound(context, eventLoop: context.eventLoop)
      context.eventLoop.scheduleTask(in: delay) {
        let context = bound.value
        context.write(Self.wrapOutboundOut(.head(head)), promise: nil)
        context.write(
          Self.wrapOutboundOut(.body(.byteBuffer(ByteBuffer(string: "hello")))), promise: nil)
        context.writeAndFlush(Self.wrapOutboundOut(.end(nil)), promise: nil)
      }
    }
  }
}

private final class SilentChannels: Sendable {
  private let channels = Mutex<[any Channel]>([])

  func add(_ channel: any Channel) { channels.withLock { $0.append(channel) } }

  func endAll(but speaker: any Channel) {
    let ended = channels.withLock { channels in
      defer { channels = [] }
      return channels
    }
    for channel in ended where channel !== speaker { channel.close(promise: nil) }
  }
}
