import Chaos
import Foundation
import NIOCore
import NIOPosix
import Testing

/// A link before a server that says everything back.
@Suite("A link that can be cut")
struct LinkTests {
  private final class Echo: ChannelInboundHandler, Sendable {
    typealias InboundIn = ByteBuffer
    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
      context.writeAndFlush(data, promise: nil)
    }
  }

  private func with(
    _ body: (Link, @escaping @Sendable () async throws -> Client) async throws -> Void
  ) async throws {
    let folder = "/tmp/ph-link-\(UInt32.random(in: .min ... .max))"
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(atPath: folder) }
    let server = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
      .childChannelInitializer { $0.pipeline.addHandler(Echo()) }
      .bind(unixDomainSocketPath: folder + "/server").get()
    let link = Link(path: folder + "/link", to: folder + "/server")
    try await link.open()
    try await body(link) { try await Client.connect(to: folder + "/link") }
    await link.close()
    try await server.close()
  }

  @Test("passes everything on, both ways and in order")
  func passes() async throws {
    try await with { _, connect in
      let client = try await connect()
      for number in 0..<200 { try await client.say("\(number),") }
      let all = (0..<200).map { "\($0)," }.joined()
      #expect(await client.heard(all.utf8.count) == all)
      await client.close()
    }
  }

  @Test("cut in silence holds back what is said, and gives it when it is mended")
  func silent() async throws {
    try await with { link, connect in
      let client = try await connect()
      try await client.say("before")
      #expect(await client.heard(6) == "before")
      link.cut(.silent)
      try await client.say("meanwhile")
      let late = try await connect()
      try await late.say("late")
      try await Task.sleep(for: .milliseconds(150))
      #expect(client.text == "before")
      #expect(late.text == "")
      #expect(client.isOpen && late.isOpen)
      link.mend()
      #expect(await client.heard(15) == "beforemeanwhile")
      #expect(await late.heard(4) == "late")
      await client.close()
      await late.close()
    }
  }

  @Test("refused ends connections and new ones, until it is mended")
  func refused() async throws {
    try await with { link, connect in
      let client = try await connect()
      try await client.say("before")
      #expect(await client.heard(6) == "before")
      link.cut(.refused)
      await client.waitForClose()
      let late = try await connect()
      await late.waitForClose()
      link.mend()
      let new = try await connect()
      try await new.say("after")
      #expect(await new.heard(5) == "after")
      await new.close()
    }
  }
}
