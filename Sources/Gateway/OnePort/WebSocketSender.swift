import NIOCore

/// Reaches a `WebSocketSession` from any thread. Sending to a session that is gone does nothing.
package struct WebSocketSender: Sendable {
  private let session: NIOLoopBound<WebSocketSession>
  private let identity: ObjectIdentifier

  init(_ session: WebSocketSession) {
    self.session = NIOLoopBound(session, eventLoop: session.channel.eventLoop)
    identity = ObjectIdentifier(session)
  }

  /// Whether this is the way to `session`.
  package func reaches(_ session: WebSocketSession) -> Bool {
    identity == ObjectIdentifier(session)
  }

  package func sendText(_ text: ByteBuffer) {
    withSession { $0.sendText(text) }
  }

  package func close(_ code: WebSocketCloseCode, reason: String = "") {
    withSession { $0.close(code, reason: reason) }
  }

  /// Runs `body` on the session's event loop, at once when called there.
  package func withSession(_ body: @escaping @Sendable (WebSocketSession) -> Void) {
    let session = session
    if session.eventLoop.inEventLoop { return body(session.value) }
    session.eventLoop.execute { body(session.value) }
  }
}

extension String {
  /// The longest start of whole characters within `limit` bytes.
  func prefix(utf8Count limit: Int) -> Substring {
    if utf8.count <= limit { return self[...] }
    var end = startIndex
    while end < endIndex {
      let next = index(after: end)
      if utf8.distance(from: startIndex, to: next) > limit { break }
      end = next
    }
    return self[..<end]
  }
}
