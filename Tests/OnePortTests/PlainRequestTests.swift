import NIOCore
import NIOEmbedded
import NIOHTTP1
import Testing

@testable import OnePort

@Suite("Plain requests") struct PlainRequestTests {
  private static let usual = [
    "POST /v1/match HTTP/1.1\r\nHost: hub\r\nContent-Length: 2\r\n\r\n{}",
    "POST /v1/match?a=b%20c HTTP/1.1\r\ncontent-length: 0\r\nHOST: h:80\r\n\r\n",
    "GET / HTTP/1.1\r\nHost: h\r\nUser-Agent: a b;c=\"d\"\r\nX_1: ,\r\n\r\n",
    "POST /a HTTP/1.1\r\nHost: h\r\nConnection: Keep-Alive\r\nContent-Length: 3\r\n\r\n\r\n{",
    "GET /v1/live HTTP/1.1\r\nHost: h\r\nContent-Length: 0012\r\n\r\nGET / HTTP/1",
  ]

  private static func read(_ bytes: [UInt8], headByteLimit: Int = 4_096) -> PlainRequest.Reading {
    bytes.withUnsafeBytes { PlainRequest.read($0, headByteLimit: headByteLimit) }
  }

  @Test("The usual ones are read, and what follows them is left", arguments: usual)
  func plain(_ text: String) throws {
    let bytes = Array(text.utf8)
    let request = try #require(Self.read(bytes).request)
    #expect(request.byteCount == bytes.count)
    #expect(Self.read(bytes + bytes).request?.byteCount == bytes.count)
    let count = request.headByteCount
    #expect(Self.read(bytes, headByteLimit: count).request != nil)
    #expect(Self.read(bytes, headByteLimit: count - 1).isOther)
    #expect(Self.read(Array(bytes.prefix(count))).request?.byteCount == bytes.count)
    for part in 0..<count { #expect(Self.read(Array(bytes.prefix(part))).isBegun) }
  }

  @Test(
    "Whatever could be read in two ways is the decoder's",
    arguments: [
      "Content-Length: 2\r\nContent-Length: 2", "Content-Length: +2", "Content-Length: 2, 2",
      "Content-Length: 00000002", "Content-Length: ", "Content-Length : 2", "Content-Length:2",
      "Transfer-Encoding: chunked", "Transfer-Encoding: chunked\r\nContent-Length: 2",
      "Expect: 100-continue", "Upgrade: h2c", "Connection: close", "Connection: keep-alive, x",
      "TE: trailers", "Trailer: X", "Proxy-Connection: keep-alive", "Host: other", "X: a\r\n b",
      "X: a\tb", "X: a ", "X:  a", "X: é", "X: a\rb", "X: a\nY: b", "X y: a", "(x): a", ": a",
    ])
  func special(_ fields: String) {
    let head = "POST / HTTP/1.1\r\nHost: h\r\n\(fields)\r\n\r\n"
    #expect(Self.read(Array((head + "{}").utf8)).isOther)
  }

  @Test(
    "So is another first line, or none of the host's",
    arguments: [
      "PUT / HTTP/1.1\r\nHost: h", "POST  / HTTP/1.1\r\nHost: h", "post / HTTP/1.1\r\nHost: h",
      "GET http://h/ HTTP/1.1\r\nHost: h", "GET * HTTP/1.1\r\nHost: h",
      "GET /é HTTP/1.1\r\nHost: h",
      "GET / HTTP/1.0\r\nHost: h", "GET / HTTP/1.1 \r\nHost: h", "GET /\tx HTTP/1.1\r\nHost: h",
      "GET / HTTP/1.1\nHost: h", "\r\nGET / HTTP/1.1\r\nHost: h", "GET / HTTP/1.1\r\nHosts: h",
    ])
  func notUsual(_ head: String) {
    #expect(Self.read(Array((head + "\r\n\r\n").utf8)).isOther)
  }

  @Test(
    "With any byte changed, left out or put in, what is taken is what the decoder reads",
    arguments: usual)
  func neighbours(_ text: String) {
    let bytes = Array(text.utf8)
    var takenCount = 0
    for place in bytes.indices {
      var tries = [
        Array(bytes[..<place] + bytes[(place + 1)...]), Array(bytes[...place] + bytes[place...]),
      ]
      for byte in UInt8.min...UInt8.max {
        var changed = bytes
        changed[place] = byte
        tries.append(changed)
        if "\r\n\t :,-0".utf8.contains(byte) {
          tries.append(bytes[..<place] + [byte] + bytes[place...])
        }
      }
      for changed in tries {
        guard let request = Self.read(changed).request, request.byteCount <= changed.count
        else { continue }
        takenCount += 1
        let whole = changed.prefix(request.byteCount)
        let decoded = Decoded(whole)
        #expect(decoded?.head == request.head, "\(String(decoding: whole, as: UTF8.self))")
        #expect(decoded?.body == Array(whole.suffix(request.bodyByteCount)))
      }
    }
    #expect(takenCount > 1_000)
  }
}

extension PlainRequest.Reading {
  fileprivate var request: PlainRequest? {
    if case .plain(let request) = self { request } else { nil }
  }

  fileprivate var isBegun: Bool { if case .begun = self { true } else { false } }
  fileprivate var isOther: Bool { if case .other = self { true } else { false } }
}

@Suite("Plain requests on their connection") struct PlainRequestHandlerTests {
  private static let call = "POST /direct HTTP/1.1\r\nHost: hub\r\nContent-Length: 1\r\n\r\n"
  private static let get = "GET / HTTP/1.1\r\nHost: hub\r\n\r\n"

  @Test("They pass by the decoder; others, and the first, go through it")
  func passing() throws {
    let connection = try PlainConnection()
    try connection.send(Self.call + "0")
    #expect(connection.decoded == Self.call + "0")
    connection.showsHTTP()
    try connection.send(Self.call + "1")
    #expect(try connection.answer()?.hasSuffix("direct 1") == true)
    try connection.send(Self.get)
    try connection.send(Self.call + "2" + Self.call + "3")
    #expect(try connection.answer()?.hasSuffix("direct 2") == true)
    #expect(try connection.answer()?.hasSuffix("direct 3") == true)
    #expect(connection.decoded == Self.call + "0" + Self.get)
  }

  @Test("One in pieces goes past the decoder once its body came with its head's end")
  func pieces() throws {
    let whole = Array((Self.call + "1" + Self.call + "2" + Self.call + "3").utf8)
    for cut in 1..<whole.count {
      let connection = try PlainConnection()
      connection.showsHTTP()
      try connection.send(String(decoding: whole[..<cut], as: UTF8.self))
      try connection.send(String(decoding: whole[cut...], as: UTF8.self))
      // Where it's cut before a body, that one is the decoder's.
      let place = cut % (Self.call.utf8.count + 1)
      let number = cut / (Self.call.utf8.count + 1) + 1
      let decoded = place == Self.call.utf8.count ? number : nil
      #expect(connection.decoded == (decoded.map { Self.call + "\($0)" } ?? ""))
      for number in 1...3 where number != decoded {
        #expect(try connection.answer()?.hasSuffix("direct \(number)") == true)
      }
    }
  }

  @Test("From the first that isn't plain on, all go through the decoder")
  func leaving() throws {
    for rest in ["PUT /", "GET / HTTP/1.1\r\nHost: hub\r\nConnection: close\r\n\r\n"] {
      let connection = try PlainConnection()
      connection.showsHTTP()
      try connection.send(Self.call + "1" + rest)
      #expect(try connection.answer()?.hasSuffix("direct 1") == true)
      try connection.send(Self.call + "2")
      #expect(try connection.answer() == nil)
      #expect(connection.decoded == rest + Self.call + "2")
    }
  }

  @Test("The decoder gets the beginning of a head when no more will come")
  func cutOff() throws {
    for event in [ChannelEvent.inputClosed, nil] {
      let connection = try PlainConnection()
      try connection.send("GET / HT")
      #expect(connection.decoded == "")
      connection.end(event)
      #expect(connection.decoded == "GET / HT")
    }
  }
}

/// A connection's handlers with a bag in the decoder's place.
private final class PlainConnection {
  private final class Bag: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    var text = ""

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
      text += String(buffer: Self.unwrapInboundIn(data))
    }
  }

  private let channel = EmbeddedChannel()
  private let bag = Bag()
  private let plainRequests = PlainRequestHandler(headByteLimit: 4_096)
  private let calls: DirectCallHandler

  init() throws {
    let pipeline = channel.pipeline.syncOperations
    try pipeline.addHandlers([plainRequests, HTTPResponseEncoder(), bag])
    var configuration = OnePortConfiguration()
    configuration.directRoute = TestRoute()
    calls = DirectCallHandler(
      configuration: configuration,
      life: ConnectionLife(
        configuration: configuration, room: RestingRoom(limit: { 8 }, onEviction: {})),
      encoder: try pipeline.context(handlerType: HTTPResponseEncoder.self))
    try pipeline.addHandler(calls)
    channel.pipeline.fireChannelActive()
  }

  deinit { _ = try? channel.finish(acceptAlreadyClosed: true) }

  var decoded: String { bag.text }

  func showsHTTP() { plainRequests.calls = calls }

  func send(_ text: String) throws {
    try channel.writeInbound(ByteBuffer(string: text))
  }

  /// - Parameter event: nil: the connection is gone.
  func end(_ event: ChannelEvent?) {
    if let event {
      channel.pipeline.fireUserInboundEventTriggered(event)
    } else {
      channel.pipeline.fireChannelInactive()
    }
  }

  func answer() throws -> String? {
    let data = try channel.readOutbound(as: IOData.self)
    guard case .byteBuffer(let bytes) = data else { return nil }
    return String(buffer: bytes)
  }
}

/// One whole request as NIO's decoder reads it; nil when it reads anything else.
private struct Decoded {
  var head: HTTPRequestHead
  var body: [UInt8] = []

  init?(_ bytes: some Collection<UInt8>) {
    let channel = EmbeddedChannel(
      handler: ByteToMessageHandler(HTTPRequestDecoder(leftOverBytesStrategy: .forwardBytes)))
    defer { _ = try? channel.finish(acceptAlreadyClosed: true) }
    guard (try? channel.writeInbound(ByteBuffer(bytes: bytes))) != nil,
      case .head(let head) = try? channel.readInbound(as: HTTPServerRequestPart.self)
    else { return nil }
    self.head = head
    while let part = try? channel.readInbound(as: HTTPServerRequestPart.self) {
      switch part {
      case .head: return nil
      case .body(let bytes): body += bytes.readableBytesView
      case .end:
        guard (try? channel.readInbound(as: HTTPServerRequestPart.self)) == nil else { return nil }
        return
      }
    }
    return nil
  }
}
