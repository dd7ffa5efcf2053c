import NIOCore
import NIOHTTP1
import NIOWebSocket

/// Tells NIO's upgrade handler to pass the request on; never leaves this module.
struct NotUpgraded: Error {}

extension FirstRequestHandler: HTTPServerProtocolUpgrader {
  var supportedProtocol: String { "websocket" }
  /// Clients don't name these in `Connection`, as NIO would have it; they are checked below.
  var requiredUpgradeHeaders: [String] { [] }

  func buildUpgradeResponse(
    channel: any Channel, upgradeRequest head: HTTPRequestHead,
    initialResponseHeaders: HTTPHeaders
  ) -> EventLoopFuture<HTTPHeaders> {
    guard case .waiting = state, head.mayBecomeWebSocket else {
      return channel.eventLoop.makeFailedFuture(NotUpgraded())
    }
    state = .deciding
    return plan.shouldUpgrade(head, channel).hop(to: channel.eventLoop).assumeIsolated()
      .flatMapError { error in
        self.logger.warning("Deciding about an upgrade failed", metadata: ["error": "\(error)"])
        let answer = self.plan.configuration.answer(.decisionFailed, head)
        return channel.eventLoop.assumeIsolated().makeSucceededFuture(.refuse(answer))
      }
      .flatMapThrowing { decision in try self.take(decision, head: head) }
      .flatMap { extraHeaders in
        self.plan.webSocketUpgrader.buildUpgradeResponse(
          channel: channel, upgradeRequest: head, initialResponseHeaders: initialResponseHeaders
        ).map { headers in
          var headers = headers
          headers.add(contentsOf: extraHeaders)
          return headers
        }
      }
      .nonisolated()
  }

  /// - Returns: further headers for the 101 answer.
  /// - Throws: `NotUpgraded` when there is to be none.
  private func take(
    _ decision: UpgradeDecision<Accepted>, head: HTTPRequestHead
  ) throws -> HTTPHeaders {
    // The wait may have ended in an error's answer already.
    guard case .deciding = state else { throw NotUpgraded() }
    switch decision {
    case .notMine: throw NotUpgraded()
    case .refuse(let response):
      state = .refused(response)
      throw NotUpgraded()
    case .accept(let accepted, let headers):
      if let fault = head.webSocketFault {
        state = .refused(plan.configuration.answer(fault, head))
        throw NotUpgraded()
      }
      state = .accepted(accepted)
      return headers
    }
  }

  func upgrade(
    context: ChannelHandlerContext, upgradeRequest head: HTTPRequestHead
  ) -> EventLoopFuture<Void> {
    guard case .accepted(let accepted) = state else {
      return context.eventLoop.makeFailedFuture(NotUpgraded())
    }
    state = .upgrading
    let channel = context.channel
    let upgraded = plan.upgraded
    upgraded.opened()
    channel.closeFuture.whenComplete { _ in upgraded.closed() }
    return plan.webSocketUpgrader.upgrade(context: context, upgradeRequest: head).assumeIsolated()
      .flatMap { self.plan.onUpgrade(channel, head, accepted).hop(to: channel.eventLoop) }
      .map { self.upgradeDone() }
      .flatMapErrorThrowing { error in
        channel.close(promise: nil)
        throw error
      }
      .nonisolated()
  }
}

extension HTTPRequestHead {
  /// True for what RFC 6455, section 4.1 lets ask for a WebSocket. While a decision is awaited NIO keeps
  /// no body, so a request with one is left to the routes.
  fileprivate var mayBecomeWebSocket: Bool {
    method == .GET && version == .http1_1 && asksForUpgrade
      && !headers.contains(name: "Transfer-Encoding")
      && headers[canonicalForm: "Content-Length"].allSatisfy { $0 == "0" }
  }

  /// What is wrong with the opening handshake's own fields (RFC 6455, section 4.2.1).
  fileprivate var webSocketFault: PortFault? {
    guard headers[canonicalForm: "Sec-WebSocket-Version"] == ["13"] else {
      return .unsupportedWebSocketVersion
    }
    let keys = headers[canonicalForm: "Sec-WebSocket-Key"]
    guard keys.count == 1, keys[0].utf8.isBase64Of16Bytes else { return .badWebSocketKey }
    return nil
  }
}

extension Substring.UTF8View {
  fileprivate var isBase64Of16Bytes: Bool {
    count == 24 && suffix(2).elementsEqual("==".utf8)
      && prefix(22).allSatisfy { byte in
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
          UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "+"), UInt8(ascii: "/"):
          true
        default: false
        }
      }
  }
}
