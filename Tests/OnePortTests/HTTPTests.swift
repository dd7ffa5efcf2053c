import Glibc
import NIOCore
import NIOPosix
import Synchronization
import Testing

@testable import OnePort

@Suite("Ordinary requests on the shared port", .timeLimit(.minutes(1)))
struct HTTPTests {
  @Test("A GET and a POST with a body are answered, on one kept-alive connection")
  func keepAlive() async throws {
    try await TestServer.run { server in
      let client = try await RawClient.connect(port: server.port)
      try await client.send("GET / HTTP/1.1\r\nHost: hub\r\n\r\n")
      #expect(try await client.readResponse().body == "hello")
      try await client.send(
        "POST /echo HTTP/1.1\r\nHost: hub\r\nContent-Length: 4\r\n\r\nbody")
      let echo = try await client.readResponse()
      #expect(echo.status == 200)
      #expect(echo.body == "body")
      try await client.send("HEAD / HTTP/1.1\r\nHost: hub\r\n\r\n")
      let head = try await client.readResponse(isHead: true)
      #expect(head.headers["content-length"] == "5")
      try await client.send("GET /nowhere HTTP/1.1\r\nHost: hub\r\n\r\n")
      #expect(try await client.readResponse().status == 404)
    }
  }

  @Test("A request that comes byte by byte, with a chunked body, is read as one")
  func slowBytes() async throws {
    try await TestServer.run { server in
      let client = try await RawClient.connect(port: server.port)
      let request =
        "POST /echo HTTP/1.1\r\nHost: hub\r\nTransfer-Encoding: chunked\r\n\r\n"
        + "3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n"
      for byte in request.utf8 { try await client.send([byte]) }
      #expect(try await client.readResponse().body == "abcde")
    }
  }

  @Test("Three pipelined requests are answered in order")
  func pipelining() async throws {
    try await TestServer.run { server in
      let client = try await RawClient.connect(port: server.port)
      let requests = (1...3).map { "GET /numbers/\($0) HTTP/1.1\r\nHost: hub\r\n\r\n" }
      try await client.send(requests.joined())
      for number in 1...3 { #expect(try await client.readResponse().body == "\(number)") }
    }
  }

  @Test("A client that closes its sending side still gets its answer")
  func halfClosed() async throws {
    try await TestServer.run { server in
      let client = try await RawClient.connect(port: server.port)
      try await client.send("GET / HTTP/1.1\r\nHost: hub\r\n\r\n")
      try await client.channel.close(mode: .output)
      #expect(await client.readToEnd().hasSuffix("hello"))
    }
  }

  @Test("Expect: 100-continue is told to go on before its body is sent")
  func expectContinue() async throws {
    try await TestServer.run { server in
      let client = try await RawClient.connect(port: server.port)
      try await client.send(
        "POST /echo HTTP/1.1\r\nHost: hub\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n")
      #expect(try await client.readResponse().status == 100)
      try await client.send("ok")
      #expect(try await client.readResponse().body == "ok")
    }
  }

  @Test("An upgrade that isn't taken is answered as an ordinary request, and said to be the last")
  func unknownUpgrade() async throws {
    try await TestServer.run { server in
      let client = try await RawClient.connect(port: server.port)
      try await client.send(
        "POST /echo HTTP/1.1\r\nHost: hub\r\nConnection: Upgrade, HTTP2-Settings\r\n"
          + "Upgrade: h2c\r\nHTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA\r\n"
          + "Content-Length: 4\r\n\r\nbody")
      let answer = try await client.readResponse()
      #expect(answer.status == 200)
      #expect(answer.body == "body")
      #expect(answer.headers["connection"] == "close")
      #expect(await client.readToEnd() == "")
    }
  }

  @Test("An upgrade on a later request is answered by its route, and said to be the last")
  func lateUpgrade() async throws {
    try await TestServer.run { server in
      let client = try await RawClient.connect(port: server.port)
      try await client.send("GET / HTTP/1.1\r\nHost: hub\r\n\r\n")
      let first = try await client.readResponse()
      #expect(first.headers["connection"] == nil)
      try await client.sendHandshake()
      let second = try await client.readResponse()
      #expect(second.status == 426)
      #expect(second.headers["connection"] == "close")
      #expect(await client.readToEnd() == "")
    }
  }

  @Test(
    "What isn't HTTP gets 400 and the connection's end",
    arguments: [
      "\u{16}\u{3}\u{1}\u{0}garbage\r\n\r\n", "GET / SPDY/9\r\n\r\n", "BREW / HTTP/1.1\r\n\r\n",
      "GET / HTTP/1.1\r\nno colon\r\n\r\n", "POST / HTTP/1.1\r\nContent-Length: x\r\n\r\n",
    ])
  func malformed(request: String) async throws {
    try await TestServer.run { server in
      let client = try await RawClient.connect(port: server.port)
      try await client.send(request)
      let answer = try await client.readResponse()
      #expect(answer.status == 400)
      #expect(answer.headers["content-type"] == "application/problem+json")
      #expect(await client.readToEnd() == "")
    }
  }

  @Test("Garbage after a good request gets 400 after that request's answer")
  func malformedLater() async throws {
    try await TestServer.run { server in
      let client = try await RawClient.connect(port: server.port)
      try await client.send("GET / HTTP/1.1\r\nHost: hub\r\n\r\n\u{1}\u{2}\u{3}\r\n\r\n")
      #expect(try await client.readResponse().body == "hello")
      #expect(try await client.readResponse().status == 400)
      #expect(await client.readToEnd() == "")
    }
  }

  @Test("A head over the limit gets 431")
  func largeHead() async throws {
    try await TestServer.run { server in
      let client = try await RawClient.connect(port: server.port)
      let value = String(repeating: "x", count: 17 * 1024)
      try await client.send("GET / HTTP/1.1\r\nHost: hub\r\nX-Large: \(value)\r\n\r\n")
      #expect(try await client.readResponse().status == 431)
      #expect(await client.readToEnd() == "")
    }
  }

  @Test("A connection that doesn't finish its first request head in time is closed")
  func slowHead() async throws {
    var configuration = OnePortConfiguration()
    configuration.handshakeTimeout = .milliseconds(100)
    try await TestServer.run(configuration: configuration) { server in
      let client = try await RawClient.connect(port: server.port)
      try await client.send("GET / HTTP/1.1\r\nHost: h")
      #expect(await client.readToEnd() == "")
    }
  }

  @Test("An idle kept-alive connection is closed after its timeout, also with half a head sent")
  func idle() async throws {
    var configuration = OnePortConfiguration()
    configuration.idleTimeout = .milliseconds(100)
    try await TestServer.run(configuration: configuration) { server in
      let client = try await RawClient.connect(port: server.port)
      try await client.send("GET / HTTP/1.1\r\nHost: hub\r\n\r\n")
      #expect(try await client.readResponse().status == 200)
      // On a busy machine the time is up before this is sent.
      try? await client.send("GET / HTTP/1.1\r\nHost: h")
      #expect(await client.readToEnd() == "")
    }
  }

  @Test("A request that comes while a stopping server ends its connection doesn't reset it")
  func lateRequest() async throws {
    try await TestServer.run { server in
      let client = try PlainSocket(port: server.port)
      let request = "GET / HTTP/1.1\r\nHost: h\r\n\r\n"
      #expect(client.send(request))
      let answer = try client.read(until: { $0.contains("\r\n\r\n") })
      #expect(answer.hasPrefix("HTTP/1.1 200 "), "\(answer)")
      await server.stop()
      _ = try client.read(until: { _ in false })
      // After a reset the next would fail.
      for _ in 0..<5 { #expect(client.send(request)) }
    }
  }

  @Test("While a server stops, who connects is answered or not let in: nobody is cut off")
  func lateConnections() async throws {
    for _ in 0..<3 {
      try await TestServer.run { server in
        let answers = Counter()
        let loop = MultiThreadedEventLoopGroup.singleton.any()
        // They wait in the kernel: the server needs Swift's own threads.
        let callers = (0..<4).map { _ in
          NIOSingletons.posixBlockingThreadPool.runIfActive(eventLoop: loop) {
            try PlainSocket.call(port: server.port) { answers.count.add(1, ordering: .relaxed) }
          }
        }
        while answers.count.load(ordering: .relaxed) < 40 {
          try await Task.sleep(for: .milliseconds(1))
        }
        await server.stop()
        for caller in callers { try await caller.get() }
      }
    }
  }

  @Test("A stopping server finishes the request in progress and closes idle connections")
  func graceful() async throws {
    try await TestServer.run { server in
      let silent = try await RawClient.connect(port: server.port)
      let busy = try await RawClient.connect(port: server.port)
      try await busy.send("GET /slow HTTP/1.1\r\nHost: hub\r\n\r\n")
      await server.latch.waitForArrival()
      await server.stop()
      #expect(await silent.readToEnd() == "")
      server.latch.open()
      #expect(try await busy.readResponse().body == "slow")
      #expect(await busy.readToEnd() == "")
    }
  }
}

private final class Counter: Sendable {
  let count = Atomic(0)
}

/// A socket that goes on sending after the server has ended its side, which NIO's don't.
private final class PlainSocket {
  private let descriptor: Int32

  init(port: Int) throws {
    descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    var timeout = timeval(tv_sec: 10, tv_usec: 0)
    setsockopt(
      descriptor, SOL_SOCKET, SO_RCVTIMEO, &timeout, socklen_t(MemoryLayout<timeval>.size))
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_port = in_port_t(port).bigEndian
    address.sin_addr.s_addr = inet_addr("127.0.0.1")
    let result = withUnsafePointer(to: &address) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
      }
    }
    if result != 0 { throw IOError(errnoCode: errno, reason: "connect") }
  }

  deinit { close(descriptor) }

  /// Calls, each time on a new connection, until nobody listens.
  ///
  /// - Throws: when a connection that was made is reset.
  static func call(port: Int, onAnswer: () -> Void) throws {
    while true {
      let socket: PlainSocket
      do {
        socket = try PlainSocket(port: port)
      } catch let error as IOError where error.errnoCode == ECONNREFUSED {
        return
      }
      _ = socket.send("GET / HTTP/1.1\r\nHost: h\r\n\r\n")
      // One that is idle when all are ended has an end and no answer, and may be tried elsewhere.
      if try socket.read(until: { $0.contains("\r\n\r\n") }) != "" { onAnswer() }
    }
  }

  /// - Returns: false when the connection is reset.
  func send(_ text: String) -> Bool {
    Array(text.utf8).withUnsafeBytes {
      Glibc.send(descriptor, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL)) == $0.count
    }
  }

  /// To the end at the latest.
  func read(until isEnough: (String) -> Bool) throws -> String {
    var text = ""
    while !isEnough(text) {
      var bytes = [UInt8](repeating: 0, count: 4_096)
      let count = recv(descriptor, &bytes, bytes.count, 0)
      if count < 0 { throw IOError(errnoCode: errno, reason: "recv") }
      if count == 0 { break }
      text += String(decoding: bytes[..<count], as: UTF8.self)
    }
    return text
  }
}
