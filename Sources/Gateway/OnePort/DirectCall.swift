import NIOCore
import NIOHTTP1

/// Requests that a connection answers by itself, on its event loop: no task, none of Hummingbird's
/// handlers. For the one path that is asked far more often than all others.
///
/// What it doesn't take goes the ordinary way untouched, so it may be choosy: whatever is unusual
/// about a request is better left to the routes.
package protocol DirectRoute: Sendable {
  /// Called once a connection, on `loop`, which is the connection's.
  func desk(on loop: any EventLoop) -> (any DirectDesk)?
}

/// A direct route as the connections of one event loop see it. Lives on that loop.
package protocol DirectDesk: AnyObject {
  /// Decides by the head alone, before the body is read; nil leaves the request to the routes.
  /// May be asked again about the same request.
  func take(_ head: HTTPRequestHead, from channel: any Channel) -> (any DirectCall)?
}

/// One request that a direct route took. Lives on its connection's event loop.
package protocol DirectCall: AnyObject {
  /// Called once, with the whole body. Its length was known from the head.
  ///
  /// - Parameter reply: to be used once, on the same event loop, now or later.
  func answer(body: ByteBuffer, _ reply: DirectReply)
}

/// Where a direct call's answer goes. For the connection's event loop only.
package struct DirectReply {
  let handler: DirectCallHandler
  let number: Int

  /// Sent when all earlier requests of the connection are answered; dropped if the caller is gone.
  package func send(_ response: ReadyResponse) {
    write(response)
    flush()
  }

  /// The same, but for the system call: it leaves with the next `flush` of any of its connection's
  /// replies, so that answers which are ready together leave together.
  package func write(_ response: ReadyResponse) { handler.answered(number, with: response) }

  package func flush() { handler.flushAnswers() }
}
