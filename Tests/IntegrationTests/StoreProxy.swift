import Glibc
import NIOCore
import NIOPosix
import Synchronization

/// A TCP port on 127.0.0.1 that leads to a store's Unix socket, and may lead there slowly or not at all.
final class StoreProxy: Sendable {
  enum Behaviour: Equatable, Sendable {
    case forwards
    /// What the store answers arrives so much later.
    case delays(TimeAmount)
    /// Connections are open and silent, as with a host that went away.
    case swallows
    /// Connections are refused, and those that were open are closed.
    case refuses
  }

  private struct State {
    var behaviour = Behaviour.forwards
    var connections: [any Channel] = []
  }

  let port: Int
  private let listener: any Channel
  private let state: SharedState

  fileprivate final class SharedState: Sendable {
    private let state = Mutex(State())

    var behaviour: Behaviour { state.withLock { $0.behaviour } }
    func add(_ channel: any Channel) { state.withLock { $0.connections.append(channel) } }
    func set(_ behaviour: Behaviour) -> [any Channel] {
      state.withLock { state in
        state.behaviour = behaviour
        guard behaviour == .refuses else { return [] }
        defer { state.connections = [] }
        return state.connections
      }
    }
  }

  init(to socketPath: String) async throws {
    let state = SharedState()
    self.state = state
    listener = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
      .childChannelOption(.autoRead, value: false)
      .childChannelInitializer { client in
        if state.behaviour == .refuses { return client.close() }
        state.add(client)
        return ClientBootstrap(group: client.eventLoop)
          .channelInitializer { store in
            store.eventLoop.makeCompletedFuture {
              try store.pipeline.syncOperations.addHandler(
                Forwarder(to: client, state, isSlow: true))
            }
          }
          .connect(unixDomainSocketPath: socketPath)
          .flatMapThrowing { store in
            try client.pipeline.syncOperations.addHandler(
              Forwarder(to: store, state, isSlow: false))
            client.setOption(.autoRead, value: true).whenComplete { _ in }
          }
      }
      .bind(host: "127.0.0.1", port: 0).get()
    port = listener.localAddress?.port ?? 0
  }

  func set(_ behaviour: Behaviour) {
    for connection in state.set(behaviour) { connection.close(promise: nil) }
  }

  func close() async {
    set(.refuses)
    try? await listener.close()
  }
}

/// Hands on to the other side what it reads.
private final class Forwarder: ChannelInboundHandler {
  typealias InboundIn = ByteBuffer

  private let other: any Channel
  private let state: StoreProxy.SharedState
  private let isSlow: Bool

  init(to other: any Channel, _ state: StoreProxy.SharedState, isSlow: Bool) {
    self.other = other
    self.state = state
    self.isSlow = isSlow
  }

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    let buffer = unwrapInboundIn(data)
    switch state.behaviour {
    case .swallows, .refuses: break
    case .delays(let delay) where isSlow:
      let other = other
      context.eventLoop.scheduleTask(in: delay) { other.writeAndFlush(buffer, promise: nil) }
    case .forwards, .delays: other.writeAndFlush(buffer, promise: nil)
    }
  }

  func channelInactive(context: ChannelHandlerContext) { other.close(promise: nil) }

  func errorCaught(context: ChannelHandlerContext, error: any Error) {
    context.close(promise: nil)
  }
}
