import Foundation
import Redis
import Testing

@Suite("Redis: addresses, connections and the shared client")
struct RedisConnectionTests {
  @Test(
    "a URL says where Redis listens",
    arguments: [
      ("redis://host", RedisURL.Endpoint.tcp(host: "host", port: 6379), 0),
      ("redis://10.0.0.1:7000/3", .tcp(host: "10.0.0.1", port: 7000), 3),
      ("redis://[::1]:6380/", .tcp(host: "::1", port: 6380), 0),
      ("unix:///run/redis/redis.sock", .unix(path: "/run/redis/redis.sock"), 0),
    ])
  func parses(text: String, endpoint: RedisURL.Endpoint, database: Int) throws {
    let url = try RedisURL(text)
    #expect(url.endpoint == endpoint)
    #expect(url.database == database)
  }

  @Test("a URL's login is decoded and never shown")
  func decodesLogin() throws {
    let url = try RedisURL("redis://hub:p%40ss:w%2Ford@host:1/2")
    #expect(url.user == "hub")
    #expect(url.password == "p@ss:w/ord")
    #expect(url.description == "redis://host:1/2")
    #expect(try RedisURL("redis://:secret@h").user == nil)
  }

  @Test(
    "a bad URL is refused with what is wrong",
    arguments: [
      ("http://host", "redis://"), ("rediss://host", "TLS"), ("redis://", "host is missing"),
      ("redis://::1", "brackets"), ("redis://[::1", "bracket"), ("redis://h:0", "port"),
      ("redis://h:x", "port"), ("redis://h/x", "database"), ("redis://u@h", "colon"),
      ("redis://:%zz@h", "%"), ("redis://h?db=1", "options"), ("unix://run/x", "slash"),
      ("unix:///" + String(repeating: "x", count: 107), "107 bytes"),
    ])
  func refuses(text: String, reason: String) {
    let error = #expect(throws: RedisURL.ParseError.self) { try RedisURL(text) }
    #expect(error?.description.contains(reason) == true)
  }

  @Test("arguments and replies carry any bytes")
  func binarySafe() async throws {
    try await withRedis { redis in
      let bytes = Array(UInt8.min...UInt8.max) + [0, 13, 10, 0]
      var command = RedisCommand("ECHO")
      command.append(bytes)
      var empty = RedisCommand("ECHO")
      empty.append([UInt8]())
      let replies = try await redis.client.pipeline([command, empty, RedisCommand("GET", "none")])
      #expect(replies == [.string(bytes), .string([]), .null])
    }
  }

  @Test("a refused command fails alone, and callers get their own replies")
  func manyCallers() async throws {
    try await withRedis { redis in
      _ = try await redis.run("SET", "text", "x")
      try await withThrowingTaskGroup(of: Void.self) { group in
        for number in 0..<500 {
          group.addTask {
            let replies = try await redis.client.pipeline([
              RedisCommand("ECHO", "\(number)"), RedisCommand("INCR", "text"),
              RedisCommand("ECHO", "\(-number)"),
            ])
            #expect(replies[0].text == "\(number)")
            #expect(throws: RedisError.self) { try replies[1].get() }
            #expect(replies[2].text == "\(-number)")
          }
        }
        try await group.waitForAll()
      }
    }
  }

  @Test("the URL's login is used, and a bad login or database is said")
  func login() async throws {
    try await withRedis { redis in
      _ = try await redis.run("CONFIG", "SET", "bind", "127.0.0.1")
      let port = try freePort()
      _ = try await redis.run("CONFIG", "SET", "port", "\(port)")
      _ = try await redis.run("ACL", "SETUSER", "hub", "on", ">p@ss", "~*", "+@all")
      _ = try await redis.run("CONFIG", "SET", "requirepass", "secret")
      for (login, path, reason) in [
        ("hub:p%40ss@", "", nil), (":secret@", "/0", nil), ("", "", "NOAUTH"),
        ("hub:wrong@", "", "WRONGPASS"), (":secret@", "/9", "ERR DB index"),
      ] as [(String, String, String?)] {
        let url = try RedisURL("redis://\(login)127.0.0.1:\(port)\(path)")
        let answer = await RedisClient(url: url).check(RedisKeys())
        if let reason {
          #expect(answer?.hasPrefix(reason) == true)
        } else {
          #expect(answer == nil)
        }
      }
    }
  }

  @Test("with nobody there, callers fail at once and hear why")
  func unreachable() async throws {
    let client = RedisClient(url: try RedisURL("unix:///nowhere/redis.sock"))
    let start = ContinuousClock.now
    for _ in 0..<100 { #expect(await client.check(RedisKeys()) == "no such file or directory") }
    // Were each to wait for a connection of its own, it would be half a minute.
    #expect(ContinuousClock.now - start < .seconds(20))
  }

  @Test("a restarted server is found again, and has another run id")
  func restart() async throws {
    try await withRedis { redis in
      #expect(await redis.client.check(RedisKeys()) == nil)
      let before = await redis.client.runID()
      await redis.kill()
      #expect(await redis.client.check(RedisKeys()) != nil)
      try await redis.server.start()
      try await eventually("reconnects") { await redis.client.check(RedisKeys()) == nil }
      let after = await redis.client.runID()
      #expect(before != nil && after != nil && before != after)

      await redis.kill()
      try await redis.server.start()
      // Nobody noticed that it was away.
      #expect(await redis.client.check(RedisKeys()) == nil)
    }
  }

  @Test("a server that hangs costs a caller no more than the reply timeout")
  func hanging() async throws {
    try await withRedis(replyMilliseconds: 600) { redis in
      #expect(await redis.client.check(RedisKeys()) == nil)
      await redis.signal(SIGSTOP)
      let start = ContinuousClock.now
      #expect(await redis.client.check(RedisKeys()) == "no answer in time")
      #expect(ContinuousClock.now - start < .seconds(5))
      await redis.signal(SIGCONT)
      try await eventually("answers again") { await redis.client.check(RedisKeys()) == nil }
    }
  }

  @Test("data is kept over a clean stop, and a socket's path may be of any length")
  func keepsData() async throws {
    let directory =
      FileManager.default.temporaryDirectory.path
      + "/\(UUID().uuidString)" + String(repeating: "x", count: 120)
    try await withRedis(directory: directory) { redis in
      #expect(redis.url.description.utf8.count <= 107 + "unix://".utf8.count)
      _ = try await redis.run("SET", "k", "kept")
      await redis.server.stop()
      try await redis.server.start()
      try await eventually("is kept") { try await redis.run("GET", "k").text == "kept" }
    }
  }
}

/// A port of the loopback interface that nobody has just now.
private func freePort() throws -> UInt16 {
  let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
  defer { close(descriptor) }
  var address = sockaddr_in()
  address.sin_family = sa_family_t(AF_INET)
  address.sin_addr.s_addr = inet_addr("127.0.0.1")
  var size = socklen_t(MemoryLayout<sockaddr_in>.size)
  let status = withUnsafeMutablePointer(to: &address) { pointer in
    pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
      bind(descriptor, $0, size) == 0 && getsockname(descriptor, $0, &size) == 0
    }
  }
  try #require(status)
  return UInt16(bigEndian: address.sin_port)
}
