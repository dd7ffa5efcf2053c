import NIOCore
import NIOHTTP1

/// Ends an HTTP connection that is idle for too long, and, once the server stops, after its last
/// answer.
///
/// Stands in for Hummingbird's `HTTPConnectionStateHandler` with the same rules: that one is too far
/// from the network to see the requests that are answered directly. Told by the connection's
/// `DirectCallHandler`, on its event loop.
final class ConnectionLife {
  private let idleTimeout: TimeAmount
  private var lastActive = NIODeadline.now()
  private var unansweredCount = 0
  private var isRequestBeingRead = false
  private var endsAfterAnswers = false
  private var timer: Scheduled<Void>?

  init(idleTimeout: TimeAmount) { self.idleTimeout = idleTimeout }

  /// The connection is closed by `context` when it was idle for too long.
  func begin(context: ChannelHandlerContext) { look(in: idleTimeout, context: context) }

  func end() { timer?.cancel() }

  func read(_ part: HTTPServerRequestPart) {
    switch part {
    case .head:
      unansweredCount += 1
      isRequestBeingRead = true
      lastActive = .now()
    case .body: lastActive = .now()
    case .end: isRequestBeingRead = false
    }
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
    return endsAfterAnswers
  }

  /// The server stops.
  /// - Returns: true when the connection is to be closed now.
  func quiesce() -> Bool {
    endsAfterAnswers = true
    return unansweredCount == 0
  }

  private func look(in delay: TimeAmount, context: ChannelHandlerContext) {
    timer = context.eventLoop.assumeIsolated().scheduleTask(in: delay) {
      let isAtWork = self.unansweredCount > 0 && !self.isRequestBeingRead
      let left = self.lastActive + self.idleTimeout - .now()
      switch (isAtWork, left <= .zero) {
      case (true, _): self.look(in: self.idleTimeout, context: context)
      case (false, true): context.close(promise: nil)
      case (false, false): self.look(in: left, context: context)
      }
    }
  }
}
