import NIOCore
import NIOPosix
import Synchronization

/// A Unix socket that stands before another one and passes everything on, until it is cut.
package final class Link: Sendable {
  private struct State {
    var cut: ChaosPlan.Cut?
    var server: (any Channel)?
    var channels: [ObjectIdentifier: any Channel] = [:]
  }

  private let path: String
  private let target: String
  private let state = Mutex(State())
  private static var group: MultiThreadedEventLoopGroup { .singleton }

  /// - Parameters:
  ///   - path: where it listens.
  ///   - target: the socket behind it.
  package init(path: String, to target: String) {
    self.path = path
    self.target = target
  }

  /// Whether it passes anything on now.
  package var isCut: Bool { state.withLock { $0.cut != nil } }

  package func open() async throws {
    let server = try await ServerBootstrap(group: Self.group)
      .serverChannelOption(.backlog, value: 256)
      .childChannelOption(.autoRead, value: false)
      .childChannelInitializer { [self] channel in accept(channel) }
      .bind(unixDomainSocketPath: path, cleanupExistingSocketFile: true).get()
    state.withLock { $0.server = server }
  }

  package func cut(_ cut: ChaosPlan.Cut) {
    let channels = state.withLock { state in
      state.cut = cut
      return Array(state.channels.values)
    }
    switch cut {
    case .refused: for channel in channels { channel.close(promise: nil) }
    case .silent: for channel in channels { setReading(channel, false) }
    }
  }

  /// What was held back goes on; new connections are taken again.
  package func mend() {
    let channels = state.withLock { state in
      state.cut = nil
      return Array(state.channels.values)
    }
    for channel in channels { setReading(channel, true) }
  }

  package func close() async {
    let (server, channels) = state.withLock { state in (state.server, state.channels.values) }
    for channel in channels { channel.close(promise: nil) }
    try? await server?.close()
  }

  private func setReading(_ channel: any Channel, _ reads: Bool) {
    channel.setOption(.autoRead, value: reads).whenFailure { _ in }
  }

  private func accept(_ near: any Channel) -> EventLoopFuture<Void> {
    if state.withLock({ $0.cut == .refused }) { return near.close() }
    let far = ClientBootstrap(group: near.eventLoop)
      .channelOption(.autoRead, value: false)
      .connect(unixDomainSocketPath: target)
    return far.flatMapThrowing { [self] far in
      try near.pipeline.syncOperations.addHandler(RelayHandler(to: far))
      try far.pipeline.syncOperations.addHandler(RelayHandler(to: near))
      watch(near)
      watch(far)
    }.flatMapError { _ in near.close() }
  }

  private func watch(_ channel: any Channel) {
    let cut = state.withLock { state in
      state.channels[ObjectIdentifier(channel)] = channel
      return state.cut
    }
    channel.closeFuture.whenComplete { [self] _ in
      state.withLock { _ = $0.channels.removeValue(forKey: ObjectIdentifier(channel)) }
    }
    switch cut {
    case nil: setReading(channel, true)
    case .refused: channel.close(promise: nil)
    case .silent: break
    }
  }
}

/// Writes what it reads to its partner, and ends with it. Both are on one event loop.
private final class RelayHandler: ChannelInboundHandler {
  typealias InboundIn = ByteBuffer

  private let partner: any Channel

  init(to partner: any Channel) { self.partner = partner }

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    partner.writeAndFlush(unwrapInboundIn(data), promise: nil)
  }

  func channelInactive(context: ChannelHandlerContext) {
    partner.close(promise: nil)
    context.fireChannelInactive()
  }

  func errorCaught(context: ChannelHandlerContext, error: any Error) {
    context.close(promise: nil)
  }
}
