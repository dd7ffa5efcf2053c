import GatewayPolicy
import NIOCore
import OnePort
import Synchronization

/// What all miners' connections share.
final class HeartbeatDesk: Sendable {
  /// How many seconds' worth of frames may come at once.
  private static let burstSeconds = 5

  let gateway: Gateway
  let limits: WebSocketLimits
  /// Without a frame for so long, a miner is asked for a sign of life; without one for so long
  /// again, its connection is taken for broken.
  let pingInterval: TimeAmount
  private let openings: Mutex<OpeningPace>
  private let clocks: [ObjectIdentifier: NIOLoopBoundBox<ConnectionClock>]

  /// - Parameter loops: those that connections live on.
  init(gateway: Gateway, loops: any EventLoopGroup) {
    self.gateway = gateway
    openings = Mutex(OpeningPace(perSecond: gateway.settings.webSocketOpensPerSecond))
    pingInterval = .seconds(Int64(gateway.settings.webSocketPingSeconds))
    limits = WebSocketLimits(
      frames: FrameLimit(
        perSecond: gateway.settings.webSocketFramesPerSecond, burstSeconds: Self.burstSeconds,
        closeCode: .tooFast))
    clocks = Dictionary(
      uniqueKeysWithValues: loops.makeIterator().map { loop in
        (
          ObjectIdentifier(loop),
          .makeBoxSendingValue(ConnectionClock(loop: loop), eventLoop: loop)
        )
      })
  }

  /// Whether one more may open now.
  /// - Returns: after how many seconds to try again; nil: it may.
  func open() -> Int? {
    let seconds = Double(NIODeadline.now().uptimeNanoseconds) / 1e9
    return openings.withLock { $0.open(at: seconds) }
  }

  /// - Precondition: called on that loop.
  func clock(of loop: any EventLoop) -> ConnectionClock {
    guard let clock = clocks[ObjectIdentifier(loop)] else {
      preconditionFailure("a connection on an event loop that isn't the server's")
    }
    return clock.value
  }
}
