import NIOCore
import Testing

@testable import OnePort

@Suite("WebSockets on the shared port", .timeLimit(.minutes(1)))
struct WebSocketTests {
  private static let ordinaryRequests:
    [(path: String, method: String, without: [String], status: Int)] = [
      (path: "/ws?token=good", method: "GET", without: ["Upgrade"], status: 426),
      (path: "/ws?token=good", method: "GET", without: ["Connection"], status: 426),
      (path: "/ws?token=good", method: "POST", without: [], status: 404),
      (path: "/elsewhere", method: "GET", without: [], status: 404),
      (path: "/", method: "GET", without: ["Sec-WebSocket-Key"], status: 200),
    ]

  private static let handshakes: [(without: String, adding: [String], status: Int)] = [
    (without: "Sec-WebSocket-Key", adding: [], status: 400),
    (without: "Sec-WebSocket-Key", adding: ["Sec-WebSocket-Key: short=="], status: 400),
    (without: "-", adding: ["Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=="], status: 400),
    (without: "Sec-WebSocket-Version", adding: ["Sec-WebSocket-Version: 8"], status: 426),
  ]

  private static let breaches: [(bytes: [UInt8], code: UInt16)] = [
    (bytes: RawFrame(opcode: 1, payload: [0xff]).bytes(), code: 1007),
    (bytes: RawFrame(opcode: 1, payload: [0xed, 0xa0, 0x80]).bytes(), code: 1007),
    (bytes: RawFrame.text("plain").bytes(mask: nil), code: 1002),
    (bytes: RawFrame(reservedBits: 0x40, opcode: 1, payload: []).bytes(), code: 1002),
    (bytes: RawFrame(opcode: 3, payload: []).bytes(), code: 1002),
    (bytes: RawFrame(opcode: 2, payload: [1]).bytes(), code: 1003),
    (bytes: RawFrame.continuation("lost", fin: true).bytes(), code: 1002),
    (bytes: RawFrame.text("a", fin: false).bytes() + RawFrame.text("b").bytes(), code: 1002),
    (bytes: RawFrame(fin: false, opcode: 9, payload: []).bytes(), code: 1002),
    (bytes: RawFrame(opcode: 9, payload: Array(repeating: 1, count: 126)).bytes(), code: 1002),
    (bytes: RawFrame.close(1005).bytes(), code: 1002),
    (bytes: RawFrame(opcode: 8, payload: [3]).bytes(), code: 1002),
    (bytes: RawFrame(opcode: 8, payload: [3, 232, 0xff]).bytes(), code: 1007),
    (bytes: RawFrame(opcode: 1, payload: Array(repeating: 97, count: 16385)).bytes(), code: 1009),
    (
      bytes: Array(RawFrame(opcode: 1, payload: Array(repeating: 97, count: 70000)).bytes()[..<14]),
      code: 1009
    ),
  ]

  @Test("An accepted request is upgraded, and its decision's value is handed on")
  func upgrade() async throws {
    try await TestServer.run { server in
      let client = try await RawClient.connect(port: server.port)
      try await client.sendHandshake(adding: [
        "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits"
      ])
      let answer = try await client.readResponse()
      #expect(answer.status == 101)
      #expect(answer.headers["sec-websocket-accept"] == "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=")
      #expect(answer.headers["sec-websocket-extensions"] == nil)
      #expect(answer.headers["x-a"] == "b")
      try await client.send(.text("hello"), .text("größer"))
      #expect(try await client.readFrame() == .text("hello"))
      #expect(try await client.readFrame() == .text("größer"))
      #expect(server.log.upgradedTokens.withLock { $0 } == ["miner-1"])
    }
  }

  @Test("Frames sent together with the handshake aren't lost")
  func eagerFrames() async throws {
    try await TestServer.run { server in
      let client = try await RawClient.connect(port: server.port)
      let head = (["GET /ws?token=good HTTP/1.1"] + RawClient.handshakeHeaders)
        .joined(separator: "\r\n")
      try await client.send(Array((head + "\r\n\r\n").utf8) + RawFrame.text("early").bytes())
      #expect(try await client.readResponse().status == 101)
      #expect(try await client.readFrame() == .text("early"))
    }
  }

  @Test("A refusal is answered as it was made, and ends the connection")
  func refused() async throws {
    try await TestServer.run { server in
      let client = try await RawClient.connect(port: server.port)
      try await client.sendHandshake(path: "/ws?token=bad")
      let answer = try await client.readResponse()
      #expect(answer.status == 401)
      #expect(answer.headers["content-type"] == "application/problem+json")
      #expect(answer.body == #"{"status":401}"#)
      #expect(await client.readToEnd() == "")
    }
  }

  @Test("A decision that fails is 503 with Retry-After")
  func decisionFails() async throws {
    try await TestServer.run { server in
      let client = try await RawClient.connect(port: server.port)
      try await client.sendHandshake(path: "/ws?token=broken")
      let answer = try await client.readResponse()
      #expect(answer.status == 503)
      #expect(answer.headers["retry-after"] == "1")
    }
  }

  @Test(
    "A request that no upgrade is for is answered by its route",
    arguments: ordinaryRequests)
  func notMine(path: String, method: String, without: [String], status: Int) async throws {
    try await TestServer.run { server in
      let client = try await RawClient.connect(port: server.port)
      try await client.sendHandshake(path: path, method: method, without: without)
      #expect(try await client.readResponse().status == status)
    }
  }

  @Test(
    "A handshake with a fault of its own is refused",
    arguments: handshakes)
  func handshakeFaults(without: String, adding: [String], status: Int) async throws {
    try await TestServer.run { server in
      let client = try await RawClient.connect(port: server.port)
      try await client.sendHandshake(without: [without], adding: adding)
      let answer = try await client.readResponse()
      #expect(answer.status == status)
      #expect(answer.headers["sec-websocket-version"] == (status == 426 ? "13" : nil))
      #expect(await client.readToEnd() == "")
    }
  }

  @Test("A client that leaves while the decision is awaited is not upgraded")
  func leavesEarly() async throws {
    try await TestServer.run { server in
      let client = try await RawClient.connect(port: server.port)
      try await client.sendHandshake(path: "/ws?token=slow")
      await server.latch.waitForArrival()
      try await client.channel.close(mode: .output)
      #expect(await client.readToEnd() == "")
      server.latch.open()
    }
  }

  @Test("A decision that takes longer than the handshake may is cut off")
  func slowDecision() async throws {
    var configuration = OnePortConfiguration()
    configuration.handshakeTimeout = .milliseconds(100)
    try await TestServer.run(configuration: configuration) { server in
      let client = try await RawClient.connect(port: server.port)
      try await client.sendHandshake(path: "/ws?token=slow")
      #expect(await client.readToEnd() == "")
      server.latch.open()
    }
  }

  @Test("Fragments are one message, with a ping between them answered at once")
  func fragments() async throws {
    try await TestServer.run { server in
      let client = try await RawClient.webSocket(port: server.port)
      // The first fragment ends inside a character.
      let whole = Array("größer".utf8)
      try await client.send(
        RawFrame(fin: false, opcode: 1, payload: Array(whole[..<3])), .ping("now"),
        RawFrame(fin: false, opcode: 0, payload: []),
        RawFrame(fin: true, opcode: 0, payload: Array(whole[3...])))
      #expect(try await client.readFrame() == .pong("now"))
      #expect(try await client.readFrame() == .text("größer"))
      try await client.send(.pong("unasked"), .text("next"))
      #expect(try await client.readFrame() == .text("next"))
    }
  }

  @Test(
    "A broken protocol is answered with its close code, then the stream ends",
    arguments: breaches)
  func brokenProtocol(bytes: [UInt8], code: UInt16) async throws {
    try await TestServer.run { server in
      let client = try await RawClient.webSocket(port: server.port)
      try await client.send(bytes)
      #expect(try await client.readFrame() == .close(code))
      #expect(await client.readToEnd() == "")
      let closure = await server.log.nextClosure()
      #expect(closure == WebSocketClosure(cause: .hub, code: .init(rawValue: code)))
    }
  }

  @Test("A message at the limit passes; fragments that add up to more are too big")
  func messageLimit() async throws {
    try await TestServer.run { server in
      let client = try await RawClient.webSocket(port: server.port)
      let largest = String(repeating: "a", count: 16384)
      try await client.send(.text(largest))
      #expect(try await client.readFrame() == .text(largest))
      try await client.send(.text(largest, fin: false), .continuation("b", fin: true))
      #expect(try await client.readFrame() == .close(1009))
    }
  }

  @Test("A peer's close is echoed, and told to the owner", arguments: [1000, 4000])
  func peerCloses(code: UInt16) async throws {
    try await TestServer.run { server in
      let client = try await RawClient.webSocket(port: server.port)
      try await client.send(.close(code, reason: "done"))
      #expect(try await client.readFrame() == .close(code))
      #expect(await client.readToEnd() == "")
      let closure = await server.log.nextClosure()
      #expect(closure == WebSocketClosure(cause: .peer, code: .init(rawValue: code)))
    }
  }

  @Test("The hub's close ends the connection once the peer has answered it")
  func hubCloses() async throws {
    try await TestServer.run { server in
      let client = try await RawClient.webSocket(port: server.port)
      try await client.send(.text("close me"), .text("ignored"))
      #expect(try await client.readFrame() == .close(4401, reason: "revoked"))
      try await client.send(.close(4401))
      #expect(await client.readToEnd() == "")
      let closure = await server.log.nextClosure()
      #expect(closure == WebSocketClosure(cause: .hub, code: .init(rawValue: 4401)))
    }
  }

  @Test("A connection that just goes is told as lost")
  func lost() async throws {
    try await TestServer.run { server in
      let client = try await RawClient.webSocket(port: server.port)
      client.close()
      let closure = await server.log.nextClosure()
      #expect(closure == WebSocketClosure(cause: .lost, code: .abnormal))
    }
  }

  @Test("A peer that doesn't read is cut off when too much waits for it")
  func outboundLimit() async throws {
    try await TestServer.run { server in
      let client = try await RawClient.webSocket(port: server.port)
      try await client.channel.setOption(.autoRead, value: false).get()
      try await client.send(.text("flood"))
      let closure = await server.log.nextClosure()
      #expect(closure == WebSocketClosure(cause: .outboundLimit, code: .abnormal))
      client.close()
    }
  }

  @Test("A stopping server lets its sessions say goodbye, and waits for them")
  func quiescing() async throws {
    try await TestServer.run { server in
      let first = try await RawClient.webSocket(port: server.port)
      let second = try await RawClient.webSocket(port: server.port)
      await server.stop()
      for client in [first, second] {
        #expect(try await client.readFrame() == .text("bye"))
        #expect(try await client.readFrame() == .close(1001))
        try await client.send(.close(1001))
        #expect(await client.readToEnd() == "")
      }
    }
  }

  @Test("A session that is accepted while the server stops says goodbye at once")
  func quiescingWhileDeciding() async throws {
    try await TestServer.run { server in
      let client = try await RawClient.connect(port: server.port)
      try await client.sendHandshake(path: "/ws?token=slow")
      await server.latch.waitForArrival()
      let other = try await RawClient.webSocket(port: server.port)
      await server.stop()
      // The other's goodbye tells that the stop has reached the connections.
      #expect(try await other.readFrame() == .text("bye"))
      other.close()
      server.latch.open()
      #expect(try await client.readResponse().status == 101)
      #expect(try await client.readFrame() == .text("bye"))
      #expect(try await client.readFrame() == .close(1001))
      client.close()
    }
  }

  @Test("A close reason is cut to whole characters that fit a control frame")
  func closeReason() {
    #expect("größer".prefix(utf8Count: 4) == "grö")
    #expect("größer".prefix(utf8Count: 3) == "gr")
    #expect("short".prefix(utf8Count: 123) == "short")
  }
}
