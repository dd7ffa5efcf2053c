import Domain
import GatewayAPI
import GatewayPolicy
import Logging
import Messaging
import NIOCore
import OnePort

/// One miner's WebSocket: a frame in, a status noted, an `ack` out. Belongs to its event loop. Of all that
/// there is for a connection this is to stay small: there are tens of thousands.
final class HeartbeatConnection: WebSocketSessionDelegate, TimerWheelMember {
  /// Bad frames in a row that end it.
  private static let badFrameLimit = 10

  var wheelPlace: TimerWheelPlace?
  private let desk: HeartbeatDesk
  private let clock: ConnectionClock
  private let session: Session
  /// From its opening to its end, which breaks the circle.
  private var webSocket: WebSocketSession?
  private var lastHeard = NIODeadline.now()
  private var badFrames: UInt8 = 0
  /// At the last look, what was sent hadn't been read.
  private var wasBlocked = false

  private var gateway: Gateway { _read { yield desk.gateway } }

  init(desk: HeartbeatDesk, clock: ConnectionClock, session: Session) {
    self.desk = desk
    self.clock = clock
    self.session = session
  }

  func sessionOpened(_ webSocket: WebSocketSession) {
    self.webSocket = webSocket
    let now = Timestamp.now
    gateway.connections.add(
      ConnectionTable.Connection(
        issuedAt: session.issuedAt, openedAt: now, sender: webSocket.sender),
      of: session.minerID)
    // The session may have been revoked between the check and now.
    if gateway.revocations.isRevoked(session) {
      return webSocket.close(.revoked, reason: "the session was revoked")
    }
    look()
    gateway.writer.post(
      .connected(session.minerID, gateway: gateway.settings.gatewayID, at: now))
  }

  func session(_ webSocket: WebSocketSession, received text: ByteBuffer) {
    do throws(Problem) {
      try take(text, webSocket)
      badFrames = 0
    } catch {
      refuse(error, webSocket)
    }
  }

  func sessionReceivedBinary(_ webSocket: WebSocketSession) {
    refuse(Problem(.notJSON, "heartbeats are text frames; this one is binary"), webSocket)
  }

  private func refuse(_ problem: Problem, _ webSocket: WebSocketSession) {
    gateway.metrics.badFrame()
    webSocket.sendText(ByteBuffer(bytes: HeartbeatFrame.error(problem)))
    badFrames += 1
    if badFrames >= Self.badFrameLimit {
      webSocket.close(.badFrames, reason: "too many bad frames")
    }
  }

  func sessionShouldQuiesce(_ webSocket: WebSocketSession) {
    let spread = Farewell.spreadMilliseconds(
      connections: gateway.connections.farewellCount,
      leaseMilliseconds: Int(gateway.health.pacing.leaseMilliseconds))
    let pause = Int.random(in: 0...spread)
    webSocket.sendText(ByteBuffer(bytes: HeartbeatFrame.goingAway(retryAfterMilliseconds: pause)))
    webSocket.close(.goingAway, reason: "the gateway is going away")
  }

  func sessionClosed(_ webSocket: WebSocketSession, _ closure: WebSocketClosure) {
    clock.forget(self)
    self.webSocket = nil
    gateway.connections.remove(session.minerID, webSocket)
    gateway.metrics.closed(closure)
    gateway.logger.debug(
      "websocket closed",
      metadata: ["miner": "\(session.minerID)", "cause": "\(closure.cause)"])
  }

  private func take(_ text: ByteBuffer, _ webSocket: WebSocketSession) throws(Problem) {
    let read = text.withUnsafeReadableBytes { bytes in
      Result { () throws(Problem) in try Heartbeat.read(bytes) }
    }
    guard let heartbeat = try read.get() else { return }
    let pacing = gateway.health.pacing
    lastHeard = webSocket.lastRead
    gateway.writer.note(
      session.minerID,
      heartbeat.status.patch(at: .now, leaseMilliseconds: pacing.leaseMilliseconds))
    gateway.metrics.heartbeats(.webSocket).increment()
    webSocket.sendText(
      clock.acknowledgements.text(sequence: heartbeat.sequence, pacing: pacing))
  }

  /// Looks how the miner is doing, and when to look again. One that says nothing for a whole lease is
  /// offline, and its connection of no use; one of which nothing at all is heard may be gone without a
  /// word; one that doesn't read holds memory.
  func look() {
    guard let webSocket, webSocket.isOpen else { return }
    let now = NIODeadline.now()
    let lease = TimeAmount.milliseconds(Int64(gateway.health.pacing.leaseMilliseconds))
    let leaseLeft = lastHeard + lease - now
    guard leaseLeft > .zero else {
      return webSocket.close(.noHeartbeat, reason: "no heartbeat in time")
    }
    let isBlocked = webSocket.isBlocked
    if isBlocked && wasBlocked { return webSocket.abandon(.writeTimeout) }
    wasBlocked = isBlocked
    let quiet = now - webSocket.lastRead
    if quiet >= desk.pingInterval + desk.pingInterval { return webSocket.abandon(.silence) }
    if quiet >= desk.pingInterval { webSocket.ping() }
    let untilPing = desk.pingInterval - quiet
    clock.look(
      at: self, in: min(leaseLeft, untilPing > .zero ? untilPing : desk.pingInterval))
  }
}
