import GatewayPolicy
import NIOCore

/// One event loop's look at its miners' connections: whose silence is over, who wants a ping. One timer
/// for all of them, and none while there is nobody.
final class ConnectionClock {
  private static let tick = TimeAmount.milliseconds(100)
  /// A little under a minute; who is due later is looked at in between.
  private static let tickCount = 512

  let loop: any EventLoop
  let acknowledgements = AcknowledgementTexts()
  private var wheel = TimerWheel<HeartbeatConnection>(ticks: tickCount)
  private var isTicking = false

  init(loop: any EventLoop) { self.loop = loop }

  /// Looks at a connection in so long.
  func look(at connection: HeartbeatConnection, in delay: TimeAmount) {
    let ticks = (delay.nanoseconds + Self.tick.nanoseconds - 1) / Self.tick.nanoseconds
    wheel.set(connection, ticksAhead: Int(clamping: ticks))
    tickIfNeeded()
  }

  func forget(_ connection: HeartbeatConnection) { wheel.remove(connection) }

  private func tickIfNeeded() {
    if isTicking || wheel.count == 0 { return }
    isTicking = true
    loop.assumeIsolated().scheduleTask(in: Self.tick) {
      self.isTicking = false
      for connection in self.wheel.advance() { connection.look() }
      self.tickIfNeeded()
    }
  }
}
