import ArgumentParser
import NIOCore
import NIOHTTP1
import NIOPosix
import NIOWebSocket

/// The benchmarks' floor: NIO's own WebSocket upgrade, and one plain handler a connection that sends each
/// text back. Ends on SIGTERM.
@main
struct BareWebSocketEcho: AsyncParsableCommand {
  static let configuration = CommandConfiguration(commandName: "bare-websocket-echo")
  /// As the gateway's.
  static let frameByteLimit = 16 * 1024

  @Option(help: "The port on 127.0.0.1.")
  var port = 8206

  func run() async throws {
    let upgrader = NIOWebSocketServerUpgrader(
      maxFrameSize: Self.frameByteLimit,
      shouldUpgrade: { channel, _ in channel.eventLoop.makeSucceededFuture([:]) },
      upgradePipelineHandler: { channel, _ in
        channel.eventLoop.makeCompletedFuture {
          try channel.pipeline.syncOperations.addHandler(EchoHandler())
        }
      })
    let server = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
      .serverChannelOption(.backlog, value: 1_024)
      .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
      .childChannelInitializer { channel in
        channel.pipeline.configureHTTPServerPipeline(
          withServerUpgrade: (upgraders: [upgrader], completionHandler: { _ in }))
      }
      .bind(host: "127.0.0.1", port: port).get()
    try await server.closeFuture.get()
  }
}

private final class EchoHandler: ChannelInboundHandler {
  typealias InboundIn = WebSocketFrame
  typealias OutboundOut = WebSocketFrame

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    let frame = Self.unwrapInboundIn(data)
    switch frame.opcode {
    case .text:
      let echo = WebSocketFrame(fin: true, opcode: .text, data: frame.unmaskedData)
      context.write(Self.wrapOutboundOut(echo), promise: nil)
    case .connectionClose: context.close(promise: nil)
    default: break
    }
  }

  func channelReadComplete(context: ChannelHandlerContext) { context.flush() }
}
