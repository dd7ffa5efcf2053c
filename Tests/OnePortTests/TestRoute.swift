import NIOCore
import NIOHTTP1
import Synchronization

@testable import OnePort

/// Takes `POST /direct` with a length; answers at once, or, when the body says so, when it is told to.
final class TestRoute: DirectRoute {
  private let waiting = Mutex<[@Sendable () -> Void]>([])

  var waitingCount: Int { waiting.withLock { $0.count } }

  func answerWaiting() {
    let answers = waiting.withLock { waiting in
      defer { waiting = [] }
      return waiting
    }
    for answer in answers { answer() }
  }

  func desk(on loop: any EventLoop) -> (any DirectDesk)? { Desk(route: self, eventLoop: loop) }

  private final class Desk: DirectDesk {
    let route: TestRoute
    let eventLoop: any EventLoop

    init(route: TestRoute, eventLoop: any EventLoop) {
      self.route = route
      self.eventLoop = eventLoop
    }

    func take(_ head: HTTPRequestHead, from channel: any Channel) -> (any DirectCall)? {
      guard head.method == .POST, head.uri == "/direct",
        head.headers.contains(name: "Content-Length")
      else { return nil }
      return Call(desk: self)
    }
  }

  private final class Call: DirectCall {
    let desk: Desk

    init(desk: Desk) { self.desk = desk }

    func answer(body: ByteBuffer, _ reply: DirectReply) {
      let text = String(buffer: body)
      let response = ReadyResponse(status: .ok, body: Array("direct \(text)".utf8))
      guard text.hasPrefix("wait") else { return reply.send(response) }
      let loop = desk.eventLoop
      let bound = NIOLoopBound(reply, eventLoop: loop)
      desk.route.waiting.withLock { waiting in
        waiting.append { loop.execute { bound.value.send(response) } }
      }
    }
  }
}
