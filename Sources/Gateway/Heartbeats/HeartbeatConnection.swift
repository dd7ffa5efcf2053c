import Domain
import GatewayAPI
import GatewayPolicy
import JSON
import Logging
import Messaging
import NIOCore
import OnePort

/// One miner's WebSocket: a frame in, a status noted, an `ack` out. Belongs to its event loop.
final class HeartbeatConnection: WebSocketSessionDelegate {
  /// Bad frames in a row that end it.
  private static let badFrameLimit = 10

  private let gateway: Gateway
  private let session: Session
  private let id: UInt64
  private var badFrames = 0
  private var lastHeard = NIODeadline.now()
  private var silenceCheck: Scheduled<Void>?

  init(gateway: Gateway, session: Session) {
    self.gateway = gateway
    self.session = session
    id = .random(in: .min ... .max)
  }

  func sessionOpened(_ webSocket: WebSocketSession) {
    let now = Timestamp.now
    gateway.connections.add(
      ConnectionTable.Connection(
        session: session, openedAt: now, sender: webSocket.sender, id: id))
    watchForSilence(webSocket)
    // The session may have been revoked between the check and now.
    if gateway.revocations.isRevoked(session) {
      return webSocket.close(.revoked, reason: "the session was revoked")
    }
    let (writer, minerID, gatewayID) = (
      gateway.writer, session.minerID, gateway.settings.gatewayID
    )
    Task { await writer.append([.connected(minerID, gateway: gatewayID, at: now)]) }
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
    silenceCheck?.cancel()
    gateway.connections.remove(session.minerID, id: id)
    gateway.metrics.closed(closure)
    gateway.logger.debug(
      "websocket closed",
      metadata: ["miner": "\(session.minerID)", "cause": "\(closure.cause)"])
  }

  private func take(_ text: ByteBuffer, _ webSocket: WebSocketSession) throws(Problem) {
    let object = try Body.object(text.readableBytesView)
    // Answers to commands are welcome before there are any.
    if object["type"]?.string == "command_ack" { return }
    let heartbeat = try Heartbeat(object)
    let pacing = gateway.health.pacing
    lastHeard = .now()
    gateway.writer.note(
      session.minerID,
      heartbeat.status.patch(at: .now, leaseMilliseconds: pacing.leaseMilliseconds))
    gateway.metrics.heartbeats(.webSocket).increment()
    webSocket.sendText(
      ByteBuffer(
        bytes: HeartbeatFrame.ack(
          sequence: heartbeat.sequence, nextSeconds: pacing.nextSeconds)))
  }

  /// A miner that says nothing for a whole lease is offline, and its connection of no use.
  private func watchForSilence(_ webSocket: WebSocketSession) {
    let lease = TimeAmount.milliseconds(Int64(gateway.health.pacing.leaseMilliseconds))
    let left = lastHeard + lease - NIODeadline.now()
    guard left > .zero else {
      return webSocket.close(.noHeartbeat, reason: "no heartbeat in time")
    }
    silenceCheck = webSocket.channel.eventLoop.assumeIsolated().scheduleTask(in: left) {
      [weak webSocket] in
      if let webSocket { self.watchForSilence(webSocket) }
    }
  }
}
