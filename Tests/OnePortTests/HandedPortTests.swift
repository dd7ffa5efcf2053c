import Glibc
import NIOCore
import OnePort
import Testing

@Suite("A port whose socket somebody else keeps", .timeLimit(.minutes(1)))
struct HandedPortTests {
  @Test("goes from one server to the next, and who connects in between is answered")
  func handedOn() async throws {
    let (socket, port) = try Self.listen()
    defer { close(socket) }
    try await TestServer.run(at: .sockets([dup(socket)])) { server in
      #expect(server.port == port)
      let client = try await RawClient.connect(port: port)
      try await client.send("GET / HTTP/1.1\r\nHost: hub\r\n\r\n")
      let answer = try await client.readResponse()
      #expect(answer.body == "hello")
    }
    // Nobody accepts now, and nobody is refused.
    let early = try await RawClient.connect(port: port)
    try await early.send("GET / HTTP/1.1\r\nHost: hub\r\n\r\n")
    try await TestServer.run(at: .sockets([dup(socket)])) { _ in
      let answer = try await early.readResponse()
      #expect(answer.body == "hello")
    }
  }

  private static func listen() throws -> (socket: Int32, port: Int) {
    let socket = Glibc.socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
    var length = socklen_t(MemoryLayout<sockaddr_in>.size)
    let result = withUnsafeMutablePointer(to: &address) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { pointer in
        bind(socket, pointer, length) == 0 && Glibc.listen(socket, 16) == 0
          && getsockname(socket, pointer, &length) == 0
      }
    }
    try #require(result)
    return (socket, Int(UInt16(bigEndian: address.sin_port)))
  }
}
