import NIOCore
import NIOHTTP1

/// Acts on the two header fields that HTTP/1.1 leaves to the connection's owner.
///
/// `Expect: 100-continue` is answered at once, unless earlier requests still wait for their answers.
/// After a request with `Connection: upgrade` NIO's decoder reads no further, so when the upgrade isn't
/// taken this answer must be the last, and say so; else the next request would wait for ever.
final class HeadFieldHandler: ChannelDuplexHandler {
  typealias InboundIn = HTTPServerRequestPart
  typealias InboundOut = HTTPServerRequestPart
  typealias OutboundIn = HTTPServerResponsePart
  typealias OutboundOut = HTTPServerResponsePart

  private var unansweredCount = 0
  private var isLastRequest = false

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    guard case .head(var head) = Self.unwrapInboundIn(data) else {
      return context.fireChannelRead(data)
    }
    unansweredCount += 1
    if unansweredCount == 1, head.version == .http1_1, head.expectsContinue {
      let goOn = HTTPResponseHead(version: .http1_1, status: .continue)
      context.writeAndFlush(Self.wrapOutboundOut(.head(goOn)), promise: nil)
    }
    guard head.asksForUpgrade else { return context.fireChannelRead(data) }
    isLastRequest = true
    // Hummingbird ends the connection after answering a request that says so.
    head.headers.replaceOrAdd(name: "Connection", value: "close")
    context.fireChannelRead(Self.wrapInboundOut(.head(head)))
  }

  func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
    switch Self.unwrapOutboundIn(data) {
    case .head(var head)
    where isLastRequest && unansweredCount == 1 && !head.status.isInformational:
      head.headers.replaceOrAdd(name: "Connection", value: "close")
      context.write(Self.wrapOutboundOut(.head(head)), promise: promise)
    case .end:
      unansweredCount -= 1
      context.write(data, promise: promise)
    case .head, .body:
      context.write(data, promise: promise)
    }
  }
}

extension HTTPRequestHead {
  fileprivate var expectsContinue: Bool {
    headers.contains(name: "Expect")
      && headers.first(name: "Expect")?.lowercased() == "100-continue"
  }

  /// True with an `Upgrade` field that the `Connection` field names.
  var asksForUpgrade: Bool {
    headers.contains(name: "Upgrade")
      && headers[canonicalForm: "Connection"].contains { $0.lowercased() == "upgrade" }
  }
}

extension HTTPResponseStatus {
  fileprivate var isInformational: Bool { (100..<200).contains(code) }
}
