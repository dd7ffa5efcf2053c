import NIOCore
import NIOHTTP1

/// Ends an HTTP connection that is idle for too long, that takes too long or sends too much for one
/// request, and, once the server stops, after its last answer.
///
/// Stands in for Hummingbird's `HTTPConnectionStateHandler` with the same rules: that one is too far
/// from the network to see the requests that are answered directly. Told by the connection's
/// `DirectCallHandler`, on its event loop.
final class ConnectionLife {
  private let idleTimeout: TimeAmount
  private let requestTimeout: TimeAmount
  private let bodyByteLimit: Int
  private let room: RestingRoom
  private var guest: RestingRoom.Guest?
  private var lastActive = NIODeadline.now()
  private var requestBegan = NIODeadline.now()
  private var bodyByteCount = 0
  private var unansweredCount = 0
  /// Some of a request has come, and not its end.
  private(set) var isRequestBeingRead = false
  private var endsAfterAnswers = false
  private var timer: Scheduled<Void>?

  init(configuration: OnePortConfiguration, room: RestingRoom) {
    idleTimeout = configuration.idleTimeout
    requestTimeout = configuration.requestTimeout
    bodyByteLimit = configuration.bodyByteLimit
    self.room = room
  }

  /// The connection is closed by `context` when it was idle for too long.
  func begin(context: ChannelHandlerContext) {
    guest = room.enter(context.channel)
    look(in: longestSleep, context: context)
  }

  func end() {
    timer?.cancel()
    if let guest = guest.take() { room.leave(guest) }
  }

  /// A request came in one piece.
  func readWhole() {
    unansweredCount += 1
    lastActive = .now()
    guest?.works()
  }

  /// - Returns: false when the connection is to be closed for what it has sent.
  func read(_ part: HTTPServerRequestPart) -> Bool {
    switch part {
    case .head:
      unansweredCount += 1
      isRequestBeingRead = true
      bodyByteCount = 0
      lastActive = .now()
      requestBegan = lastActive
      guest?.began(at: lastActive)
    case .body(let bytes):
      bodyByteCount += bytes.readableBytes
      lastActive = .now()
      return bodyByteCount <= bodyByteLimit
    case .end:
      isRequestBeingRead = false
      if unansweredCount > 0 { guest?.works() }
    }
    return true
  }

  /// The connection is to be closed behind the answer that is written now.
  var isLastAnswer: Bool { endsAfterAnswers && unansweredCount <= 1 }

  /// Takes note that an answer's end is being written.
  /// - Returns: true when the connection is to be closed behind it.
  func answerEnds() -> Bool {
    // What isn't HTTP is answered though no request was counted.
    unansweredCount = max(0, unansweredCount - 1)
    if unansweredCount > 0 { return false }
    lastActive = .now()
    // What is still being read has rested since it began.
    if !isRequestBeingRead { guest?.began(at: lastActive) }
    return endsAfterAnswers
  }

  /// The server stops.
  /// - Returns: true when the connection is to be closed now.
  func quiesce() -> Bool {
    endsAfterAnswers = true
    return unansweredCount == 0
  }

  /// The peer has what it will get: it may read it and go.
  func linger(for delay: TimeAmount, context: ChannelHandlerContext) {
    timer?.cancel()
    timer = context.eventLoop.assumeIsolated().scheduleTask(in: delay) {
      context.close(promise: nil)
    }
  }

  private var longestSleep: TimeAmount { min(idleTimeout, requestTimeout) }

  /// How long the connection has left; nil while it waits for us.
  private var left: TimeAmount? {
    let idle = lastActive + idleTimeout - .now()
    if isRequestBeingRead { return min(idle, requestBegan + requestTimeout - .now()) }
    return unansweredCount > 0 ? nil : idle
  }

  private func look(in delay: TimeAmount, context: ChannelHandlerContext) {
    timer = context.eventLoop.assumeIsolated().scheduleTask(in: delay) {
      guard let left = self.left else { return self.look(in: self.longestSleep, context: context) }
      if left <= .zero { return context.close(promise: nil) }
      self.look(in: min(left, self.longestSleep), context: context)
    }
  }
}
