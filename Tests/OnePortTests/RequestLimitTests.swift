import NIOCore
import Testing

@testable import OnePort

@Suite("How long and how much a request may be", .timeLimit(.minutes(1)))
struct RequestLimitTests {
  @Test("A body that trickles in is cut off, however often a byte comes")
  func slowBody() async throws {
    var configuration = OnePortConfiguration()
    configuration.requestTimeout = .milliseconds(200)
    try await TestServer.run(configuration: configuration) { server in
      let client = try await RawClient.connect(port: server.port)
      try await client.send("POST /echo HTTP/1.1\r\nHost: hub\r\nContent-Length: 60000\r\n\r\n")
      let trickle = Task { [channel = client.channel] in
        while !Task.isCancelled {
          try await channel.writeAndFlush(channel.allocator.buffer(string: "x"))
          try await Task.sleep(for: .milliseconds(20))
        }
      }
      #expect(await client.readToEnd() == "")
      trickle.cancel()
    }
  }

  @Test("Also where its answer has left already")
  func slowUnreadBody() async throws {
    var configuration = OnePortConfiguration()
    configuration.requestTimeout = .milliseconds(200)
    try await TestServer.run(configuration: configuration) { server in
      let client = try await RawClient.connect(port: server.port)
      try await client.send("POST /nowhere HTTP/1.1\r\nHost: h\r\nContent-Length: 60000\r\n\r\n")
      #expect(try await client.readResponse().status == 404)
      #expect(await client.readToEnd() == "")
    }
  }

  @Test("A request that waits for our answer has no such end")
  func slowAnswer() async throws {
    var configuration = OnePortConfiguration()
    configuration.requestTimeout = .milliseconds(50)
    try await TestServer.run(configuration: configuration) { server in
      let client = try await RawClient.connect(port: server.port)
      try await client.send("GET /slow HTTP/1.1\r\nHost: hub\r\n\r\n")
      await server.latch.waitForArrival()
      try await Task.sleep(for: .milliseconds(200))
      server.latch.open()
      #expect(try await client.readResponse().body == "slow")
    }
  }

  @Test(
    "A body over the port's own limit ends the connection, whoever was to read it",
    arguments: ["GET /", "POST /echo", "POST /nowhere"])
  func endlessBody(target: String) async throws {
    var configuration = OnePortConfiguration()
    configuration.bodyByteLimit = 100_000
    try await TestServer.run(configuration: configuration) { server in
      let client = try await RawClient.connect(port: server.port)
      try await client.send("\(target) HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n")
      let chunk = "3E8\r\n" + String(repeating: "x", count: 1_000) + "\r\n"
      let sending = Task { [channel = client.channel] in
        while true { try await channel.writeAndFlush(channel.allocator.buffer(string: chunk)) }
      }
      _ = await client.readToEnd()
      await #expect(throws: (any Error).self) { try await sending.value }
    }
  }

  @Test("Beyond the limit on connections the longest idle one goes; who is at work or new stays")
  func crowded() async throws {
    var configuration = OnePortConfiguration()
    configuration.connectionLimit = { 3 }
    try await TestServer.run(configuration: configuration) { server in
      func connect(_ path: String) async throws -> RawClient {
        let client = try await RawClient.connect(port: server.port)
        try await client.send("GET \(path) HTTP/1.1\r\nHost: hub\r\n\r\n")
        return client
      }
      let busy = try await connect("/slow")
      await server.latch.waitForArrival()
      let idle = try await connect("/")
      #expect(try await idle.readResponse().status == 200)
      let newer = try await connect("/")
      #expect(try await newer.readResponse().status == 200)
      let newest = try await connect("/")
      #expect(try await newest.readResponse().status == 200)
      #expect(await idle.readToEnd() == "")
      server.latch.open()
      #expect(try await busy.readResponse().body == "slow")
      try await newer.send("GET / HTTP/1.1\r\nHost: hub\r\n\r\n")
      #expect(try await newer.readResponse().body == "hello")
    }
  }
}
