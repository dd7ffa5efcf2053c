import CLinux
import HummingbirdCore
import Logging
import NIOCore
import NIOExtras
import NIOPosix
import ServiceLifecycle

/// Where a port is served.
package enum PortPlace: Sendable {
  case address(host: String, port: Int)
  /// Sockets that somebody else opened, and keeps: who connects after the end waits for who is next.
  case sockets([CInt])
}

/// Accepts connections and runs each as its channel says, until a graceful shutdown: then it accepts no more
/// and lets those that are open finish. Hummingbird's own server can't take sockets that listen already.
struct PortServer<Channel: ServerChildChannel>: Service {
  private static var backlog: CInt { 256 }
  /// What a connection needs between being accepted and being looked after, on a busy machine.
  private static var settling: TimeAmount { .milliseconds(100) }

  let place: PortPlace
  let channel: Channel
  let group: any EventLoopGroup
  let logger: Logger
  /// Called once a socket.
  let onListening: @Sendable (SocketAddress?) -> Void

  func run() async throws {
    var ports: [Port] = []
    switch place {
    case .address(let host, let port):
      ports.append(
        try await listen { try await $0.bind(host: host, port: port, childChannelInitializer: $1) })
    case .sockets(let sockets):
      for socket in sockets {
        ports.append(try await listen { try await $0.bind(socket, childChannelInitializer: $1) })
      }
    }
    for port in ports { onListening(port.listener.channel.localAddress) }
    await withGracefulShutdownHandler {
      await withDiscardingTaskGroup { group in
        for port in ports { group.addTask { await accept(port.listener) } }
      }
    } onGracefulShutdown: { [ports] in
      for port in ports { end(port) }
    }
  }

  /// Lets nobody in any more, and then, with everybody who was accepted at a handler, ends. Who is let in and not
  /// accepted would be cut off by the end.
  private func end(_ port: Port) {
    let channel = port.listener.channel
    stopLettingIn(channel).whenComplete { _ in
      channel.eventLoop.scheduleTask(in: Self.settling) {
        port.quiescing.initiateShutdown(promise: nil)
      }
    }
  }

  private func stopLettingIn(_ channel: any NIOCore.Channel) -> EventLoopFuture<Void> {
    switch place {
    // Whoever comes now asks again after a second, and hears then that nobody listens, or is heard by who does.
    case .address:
      (channel as? any SocketOptionProvider)?.ignoreNewConnections()
        ?? channel.eventLoop.makeSucceededVoidFuture()
    // They wait for who is next: all share what a socket lets in.
    case .sockets: channel.setOption(.autoRead, value: false)
    }
  }

  private func accept(_ listener: Listener) async {
    await withDiscardingTaskGroup { group in
      do {
        try await listener.executeThenClose { connections in
          for try await connection in connections {
            group.addTask { await channel.handle(value: connection, logger: logger) }
          }
        }
      } catch {
        logger.error("connections are no longer accepted", metadata: ["reason": "\(error)"])
      }
    }
  }

  private typealias Listener = NIOAsyncChannel<Channel.Value, Never>
  private typealias SetUp = @Sendable (any NIOCore.Channel) -> EventLoopFuture<Channel.Value>
  private typealias Port = (listener: Listener, quiescing: ServerQuiescingHelper)

  private func listen(
    _ bind: (ServerBootstrap, @escaping SetUp) async throws -> Listener
  ) async throws -> Port {
    let quiescing = ServerQuiescingHelper(group: group)
    let bootstrap = ServerBootstrap(group: group)
      .serverChannelOption(.backlog, value: Self.backlog)
      .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
      .childChannelOption(.allowRemoteHalfClosure, value: true)
      .serverChannelInitializer { channel in
        channel.eventLoop.makeCompletedFuture {
          try channel.pipeline.syncOperations.addHandler(
            quiescing.makeServerChannelHandler(channel: channel))
        }
      }
    let listener = try await bind(bootstrap) { [channel, logger] in
      channel.setup(channel: $0, logger: logger)
    }
    return (listener, quiescing)
  }
}

extension SocketOptionProvider {
  /// Lets in nobody who hasn't begun to connect.
  fileprivate func ignoreNewConnections() -> EventLoopFuture<Void> {
    unsafeSetSocketOption(
      level: .socket, name: .init(rawValue: SO_ATTACH_FILTER), value: FilterProgram())
  }
}

/// Its steps are constants.
private struct FilterProgram: @unchecked Sendable {
  let program = no_new_connections()
}
