import ArgumentParser
import NIOCore
import NIOHTTP1
import NIOPosix

/// The benchmarks' floor: NIO's HTTP/1 codec and one plain handler a connection, on one event loop,
/// answering every request with a constant of a match answer's size. Ends on SIGTERM.
@main
struct BareNIO: AsyncParsableCommand {
  static let configuration = CommandConfiguration(commandName: "bare-nio")

  @Option(help: "The port on 127.0.0.1.")
  var port = 8207

  @Option(help: "How long the answer's body is.")
  var answerBytes = 564

  func validate() throws {
    guard (1...1_048_576).contains(answerBytes) else {
      throw ValidationError("--answer-bytes must be 1 to 1048576")
    }
  }

  func run() async throws {
    let body = ByteBuffer(repeating: UInt8(ascii: "x"), count: answerBytes)
    let server = try await ServerBootstrap(group: MultiThreadedEventLoopGroup(numberOfThreads: 1))
      .serverChannelOption(.backlog, value: 1_024)
      .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
      .childChannelOption(.socketOption(.tcp_nodelay), value: 1)
      .childChannelInitializer { channel in
        channel.eventLoop.makeCompletedFuture {
          try channel.pipeline.syncOperations.configureHTTPServerPipeline(
            withPipeliningAssistance: false, withErrorHandling: false)
          try channel.pipeline.syncOperations.addHandler(ConstantHandler(body: body))
        }
      }
      .bind(host: "127.0.0.1", port: port).get()
    try await server.closeFuture.get()
  }
}

private final class ConstantHandler: ChannelInboundHandler {
  typealias InboundIn = HTTPServerRequestPart
  typealias OutboundOut = HTTPServerResponsePart

  private let body: ByteBuffer
  private let headers: HTTPHeaders

  init(body: ByteBuffer) {
    self.body = body
    headers = ["Content-Type": "application/json", "Content-Length": "\(body.readableBytes)"]
  }

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    guard case .end = Self.unwrapInboundIn(data) else { return }
    let head = HTTPResponseHead(version: .http1_1, status: .ok, headers: headers)
    context.write(Self.wrapOutboundOut(.head(head)), promise: nil)
    context.write(Self.wrapOutboundOut(.body(.byteBuffer(body))), promise: nil)
    context.write(Self.wrapOutboundOut(.end(nil)), promise: nil)
  }

  func channelReadComplete(context: ChannelHandlerContext) { context.flush() }
}
