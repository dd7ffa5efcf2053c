import NIOCore
import NIOPosix
import Synchronization

/// A connection to a Unix socket that keeps all it hears.
final class Client: Sendable {
  private final class Ear: ChannelInboundHandler, Sendable {
    typealias InboundIn = ByteBuffer
    let heard = Mutex("")
    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
      let text = String(buffer: unwrapInboundIn(data))
      heard.withLock { $0 += text }
    }
  }

  private let channel: any Channel
  private let ear: Ear

  private init(channel: any Channel, ear: Ear) {
    self.channel = channel
    self.ear = ear
  }

  static func connect(to path: String) async throws -> Client {
    let ear = Ear()
    let channel = try await ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
      .channelInitializer { $0.pipeline.addHandler(ear) }
      .connect(unixDomainSocketPath: path).get()
    return Client(channel: channel, ear: ear)
  }

  var text: String { ear.heard.withLock { $0 } }
  var isOpen: Bool { channel.isActive }

  func say(_ text: String) async throws {
    try await channel.writeAndFlush(ByteBuffer(string: text))
  }

  /// All that was heard, once it is so long; or what there is after ten seconds.
  func heard(_ byteCount: Int) async -> String {
    let end = ContinuousClock.now + .seconds(10)
    while text.utf8.count < byteCount && ContinuousClock.now < end {
      try? await Task.sleep(for: .milliseconds(5))
    }
    return text
  }

  func waitForClose() async { try? await channel.closeFuture.get() }
  func close() async { try? await channel.close() }
}
