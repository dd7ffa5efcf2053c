import NIOCore
import NIOPosix
import Testing

/// A TCP client that sends bytes as they are given and keeps what comes back.
final class RawClient {
  struct ClosedEarly: Error {
    var received: String
  }

  let channel: any Channel
  private var iterator: AsyncStream<ByteBuffer>.Iterator
  private(set) var received = ByteBuffer()

  private init(channel: any Channel, reads: AsyncStream<ByteBuffer>) {
    self.channel = channel
    iterator = reads.makeAsyncIterator()
  }

  deinit {
    channel.close(promise: nil)
  }

  static func connect(port: Int) async throws -> RawClient {
    let (reads, continuation) = AsyncStream.makeStream(of: ByteBuffer.self)
    let channel = try await ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
      .channelOption(.allowRemoteHalfClosure, value: true)
      .channelInitializer { channel in
        channel.eventLoop.makeCompletedFuture {
          try channel.pipeline.syncOperations.addHandler(Collector(continuation: continuation))
        }
      }
      .connect(host: "127.0.0.1", port: port).get()
    return RawClient(channel: channel, reads: reads)
  }

  func send(_ text: String) async throws {
    try await channel.writeAndFlush(channel.allocator.buffer(string: text))
  }

  func send(_ bytes: [UInt8]) async throws {
    try await channel.writeAndFlush(channel.allocator.buffer(bytes: bytes))
  }

  func close() {
    channel.close(promise: nil)
  }

  /// Reads until `take` finds what it wants at the buffer's start; what it moved past is gone.
  func read<Value>(_ take: (inout ByteBuffer) -> Value?) async throws -> Value {
    while true {
      var attempt = received
      if let value = take(&attempt) {
        received = attempt
        return value
      }
      guard var more = await iterator.next() else {
        throw ClosedEarly(received: String(buffer: received))
      }
      received.writeBuffer(&more)
    }
  }

  /// Everything until the server ends its stream.
  func readToEnd() async -> String {
    while var more = await iterator.next() { received.writeBuffer(&more) }
    defer { received.clear() }
    return String(buffer: received)
  }

  /// One HTTP answer with a `Content-Length` body (or none).
  func readResponse(isHead: Bool = false) async throws -> RawResponse {
    try await read { RawResponse(taking: &$0, isHead: isHead) }
  }

  private final class Collector: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    let continuation: AsyncStream<ByteBuffer>.Continuation

    init(continuation: AsyncStream<ByteBuffer>.Continuation) {
      self.continuation = continuation
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
      continuation.yield(Self.unwrapInboundIn(data))
    }

    func channelInactive(context: ChannelHandlerContext) {
      continuation.finish()
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
      if case ChannelEvent.inputClosed = event {
        continuation.finish()
        context.close(promise: nil)
      }
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
      context.close(promise: nil)
    }
  }
}

struct RawResponse {
  var status: Int
  /// Names in lower case.
  var headers: [String: String] = [:]
  var body: String

  /// Nil while the answer isn't whole.
  init?(taking buffer: inout ByteBuffer, isHead: Bool) {
    let view = buffer.readableBytesView
    guard let end = view.firstRange(of: Array("\r\n\r\n".utf8)) else { return nil }
    let head = String(decoding: view[..<end.lowerBound], as: UTF8.self)
    let lines = head.split(separator: "\r\n")
    status = lines.first.flatMap { Int($0.split(separator: " ")[1]) } ?? 0
    for line in lines.dropFirst() {
      let parts = line.split(separator: ":", maxSplits: 1)
      headers[parts[0].lowercased()] = String(parts[1].drop { $0 == " " })
    }
    buffer.moveReaderIndex(to: end.upperBound)
    let length = isHead ? 0 : headers["content-length"].flatMap { Int($0) } ?? 0
    guard let body = buffer.readString(length: length) else { return nil }
    self.body = body
  }
}

extension ByteBufferView {
  fileprivate func firstRange(of needle: [UInt8]) -> Range<Int>? {
    guard count >= needle.count else { return nil }
    for start in startIndex...(endIndex - needle.count)
    where self[start..<(start + needle.count)].elementsEqual(needle) {
      return start..<(start + needle.count)
    }
    return nil
  }
}
