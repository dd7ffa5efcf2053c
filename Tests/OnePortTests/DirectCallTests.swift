import NIOCore
import NIOHTTP1
import Synchronization
import Testing

@testable import OnePort

@Suite("Requests that a connection answers by itself", .timeLimit(.minutes(1)))
struct DirectCallTests {
  private func run(
    _ route: TestRoute, _ configuration: OnePortConfiguration = OnePortConfiguration(),
    _ body: (TestServer) async throws -> Void
  ) async throws {
    var configuration = configuration
    configuration.directRoute = route
    try await TestServer.run(configuration: configuration, body)
  }

  private func call(_ body: String) -> String {
    "POST /direct HTTP/1.1\r\nHost: hub\r\nContent-Length: \(body.utf8.count)\r\n\r\n\(body)"
  }

  private let get = "GET / HTTP/1.1\r\nHost: hub\r\n\r\n"

  @Test("They are answered, and the others as ever, on one connection")
  func both() async throws {
    try await run(TestRoute()) { server in
      let client = try await RawClient.connect(port: server.port)
      for number in 1...3 {
        try await client.send(call("\(number)"))
        let answer = try await client.readResponse()
        #expect(answer.status == 200)
        #expect(answer.body == "direct \(number)")
        #expect(answer.headers["connection"] == nil)
        try await client.send(get)
        #expect(try await client.readResponse().body == "hello")
      }
      let head = "POST /direct HTTP/1.1\r\nHost: hub\r\nTransfer-Encoding: chunked\r\n\r\n"
      try await client.send(head + "0\r\n\r\n")
      #expect(try await client.readResponse().body == "by the router")
    }
  }

  @Test("A body that comes byte by byte is read as one; there may be none")
  func slowBytes() async throws {
    try await run(TestRoute()) { server in
      let client = try await RawClient.connect(port: server.port)
      for byte in (call("abc") + call("")).utf8 { try await client.send([byte]) }
      #expect(try await client.readResponse().body == "direct abc")
      #expect(try await client.readResponse().body == "direct ")
    }
  }

  @Test("Answers leave in the order of the requests, whichever is found first")
  func order() async throws {
    let route = TestRoute()
    try await run(route) { server in
      let client = try await RawClient.connect(port: server.port)
      try await client.send(call("wait 1") + call("2") + get + call("3") + get)
      #expect(await comesTrue { route.waitingCount == 1 })
      // The second is answered already, and what follows isn't looked at.
      route.answerWaiting()
      var bodies: [String] = []
      for _ in 1...5 { bodies.append(try await client.readResponse().body) }
      #expect(bodies[0] == "direct wait 1")
      #expect(bodies[1] == "direct 2")
      #expect(bodies[2] == "hello")
      #expect(["direct 3", "by the router"].contains(bodies[3]))
      #expect(bodies[4] == "hello")
    }
  }

  @Test("What comes behind an unanswered ordinary request goes the ordinary way")
  func behindOrdinary() async throws {
    try await run(TestRoute()) { server in
      let client = try await RawClient.connect(port: server.port)
      try await client.send("GET /slow HTTP/1.1\r\nHost: hub\r\n\r\n")
      await server.latch.waitForArrival()
      try await client.send(call("1"))
      server.latch.open()
      #expect(try await client.readResponse().body == "slow")
      let second = try await client.readResponse().body
      #expect(["direct 1", "by the router"].contains(second))
    }
  }

  @Test("Hundreds at once are answered, though not all are taken at once")
  func many() async throws {
    let route = TestRoute()
    try await run(route) { server in
      let client = try await RawClient.connect(port: server.port)
      try await client.send((0..<300).map { call("wait \($0)") }.joined())
      #expect(await comesTrue { route.waitingCount == 64 })
      let answering = Task {
        while !Task.isCancelled {
          route.answerWaiting()
          try? await Task.sleep(for: .milliseconds(1))
        }
      }
      defer { answering.cancel() }
      for number in 0..<300 {
        #expect(try await client.readResponse().body == "direct wait \(number)")
      }
    }
  }

  @Test("Garbage behind one gets its 400 after the answer; so does the end of input")
  func thenGarbage() async throws {
    for rest in ["\u{1}\u{2}\r\n\r\n", ""] {
      let route = TestRoute()
      try await run(route) { server in
        let client = try await RawClient.connect(port: server.port)
        try await client.send(call("wait") + rest)
        if rest.isEmpty { try await client.channel.close(mode: .output) }
        #expect(await comesTrue { route.waitingCount == 1 })
        route.answerWaiting()
        #expect(try await client.readResponse().body == "direct wait")
        #expect(await client.readToEnd().hasPrefix(rest.isEmpty ? "" : "HTTP/1.1 400"))
      }
    }
  }

  @Test("After a request that may be the last, nothing is taken")
  func last() async throws {
    try await run(TestRoute()) { server in
      let client = try await RawClient.connect(port: server.port)
      try await client.send("GET / HTTP/1.1\r\nHost: hub\r\nConnection: close\r\n\r\n" + call("1"))
      #expect(try await client.readResponse().body == "hello")
      #expect(await client.readToEnd() == "")
    }
  }

  @Test("A connection isn't idle while it waits for an answer, and is after it")
  func idle() async throws {
    let route = TestRoute()
    var configuration = OnePortConfiguration()
    configuration.idleTimeout = .milliseconds(100)
    try await run(route, configuration) { server in
      let client = try await RawClient.connect(port: server.port)
      for _ in 1...2 {
        try await client.send(call("wait"))
        #expect(await comesTrue { route.waitingCount == 1 })
        try await Task.sleep(for: .milliseconds(300))
        route.answerWaiting()
        #expect(try await client.readResponse().body == "direct wait")
      }
      #expect(await client.readToEnd() == "")
    }
  }

  @Test("A stopping server still answers them, and then ends the connection")
  func graceful() async throws {
    let route = TestRoute()
    try await run(route) { server in
      let client = try await RawClient.connect(port: server.port)
      try await client.send(call("wait"))
      #expect(await comesTrue { route.waitingCount == 1 })
      await server.stop()
      route.answerWaiting()
      #expect(try await client.readResponse().body == "direct wait")
      #expect(await client.readToEnd() == "")
    }
  }

  @Test("An answer for a caller that has gone is dropped")
  func gone() async throws {
    let route = TestRoute()
    try await run(route) { server in
      let client = try await RawClient.connect(port: server.port)
      try await client.send(call("wait"))
      #expect(await comesTrue { route.waitingCount == 1 })
      client.close()
      try await client.channel.closeFuture.get()
      route.answerWaiting()
      let other = try await RawClient.connect(port: server.port)
      try await other.send(call("1"))
      #expect(try await other.readResponse().body == "direct 1")
    }
  }

  private func comesTrue(_ condition: () -> Bool) async -> Bool {
    let limit = ContinuousClock.now + .seconds(20)
    while ContinuousClock.now < limit {
      if condition() { return true }
      try? await Task.sleep(for: .milliseconds(2))
    }
    return false
  }
}

@Suite("The order of answers")
struct AnswerQueueTests {
  @Test("They leave in the order of their places, whatever order they are filled in")
  func order() {
    var queue = AnswerQueue<String>()
    #expect(queue.isEmpty)
    let places = (0..<4).map { _ in queue.reserve() }
    queue.fill(places[2], with: "c")
    #expect(queue.popFirst() == nil)
    queue.fill(places[0], with: "a")
    #expect(queue.popFirst() == "a")
    #expect(queue.popFirst() == nil)
    queue.fill(places[1], with: "b")
    #expect(queue.popFirst() == "b")
    #expect(queue.popFirst() == "c")
    #expect(queue.count == 1)
    let fifth = queue.reserve()
    queue.fill(fifth, with: "e")
    #expect(queue.popFirst() == nil)
    queue.fill(places[3], with: "d")
    #expect([queue.popFirst(), queue.popFirst(), queue.popFirst()] == ["d", "e", nil])
  }

  @Test("One whose turn it is passes, and others wait for it")
  func passing() {
    var queue = AnswerQueue<String>()
    let places = (0..<3).map { _ in queue.reserve() }
    let isBefore = queue.pass(places[1])
    queue.fill(places[1], with: "b")
    let isNext = queue.pass(places[0])
    let isAgain = queue.pass(places[0])
    #expect([isBefore, isNext, isAgain] == [false, true, false])
    #expect(queue.popFirst() == "b")
    let isLast = queue.pass(places[2])
    #expect(isLast && queue.isEmpty)
    let fourth = queue.reserve()
    let isFourth = queue.pass(fourth)
    #expect(isFourth && queue.isEmpty)
  }
}
