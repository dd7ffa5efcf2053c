import Domain
import Synchronization
import Testing
import Threads
import Wire

@testable import Messaging

@Suite("Messages over real sockets")
struct SocketTests {
  private static let kinds = ["ipc", "tcp"]

  private func endpoint(_ kind: String, in folder: SocketFolder) -> String {
    kind == "tcp" ? "tcp://127.0.0.1:*" : folder.endpoint("router")
  }

  @Test("a request and its answer go round", arguments: kinds)
  func roundTrip(kind: String) async throws {
    let folder = try SocketFolder()
    let router = await TestRouter(endpoint: endpoint(kind, in: folder))
    let scorer = EchoScorer(gateways: [router.endpoint])
    #expect(await eventually { scorer.log.withLock { !$0.events.isEmpty } })
    #expect(scorer.log.withLock { $0.events } == [.welcomed(gatewayID: "test", version: 1)])
    router.send(matches([7]))
    #expect(await eventually { router.replies() == [7] })
    #expect(await scorer.end())
    #expect(await router.end())
  }

  @Test("ten thousand pipelined requests and answers keep their order", arguments: kinds)
  func pipelined(kind: String) async throws {
    let folder = try SocketFolder()
    let router = await TestRouter(endpoint: endpoint(kind, in: folder))
    let scorer = EchoScorer(gateways: [router.endpoint])
    #expect(await eventually { scorer.log.withLock { !$0.events.isEmpty } })
    let all = matches(1...10_000)
    for start in stride(from: 0, to: all.count, by: 500) {
      router.send(Array(all[start..<start + 500]))
    }
    #expect(await eventually { router.replies().count == 10_000 })
    #expect(scorer.requests() == (1...10_000).map { UInt64($0) })
    #expect(router.replies() == (1...10_000).map { UInt64($0) })
    #expect(await scorer.end())
    #expect(await router.end())
  }

  @Test("one scorer serves several gateways", arguments: kinds)
  func severalGateways(kind: String) async throws {
    let folder = try SocketFolder()
    let other = try SocketFolder()
    let routers = await [
      TestRouter(endpoint: endpoint(kind, in: folder)),
      TestRouter(endpoint: endpoint(kind, in: other)),
    ]
    let scorer = EchoScorer(gateways: routers.map(\.endpoint))
    #expect(await eventually { scorer.log.withLock { $0.events.count == 2 } })
    routers[0].send(matches(1...200))
    routers[1].send(matches(301...500))
    #expect(await eventually { routers.allSatisfy { $0.replies().count == 200 } })
    #expect(routers[1].replies() == (301...500).map { UInt64($0) })
    #expect(await scorer.end())
    for router in routers { #expect(await router.end()) }
  }

  @Test("a dead peer is noticed when something is sent to it", arguments: kinds)
  func deadPeer(kind: String) async throws {
    let folder = try SocketFolder()
    let router = await TestRouter(endpoint: endpoint(kind, in: folder))
    let scorer = EchoScorer(gateways: [router.endpoint])
    #expect(await eventually { scorer.log.withLock { !$0.events.isEmpty } })
    #expect(await scorer.end())
    #expect(
      await eventually {
        router.send(matches([1]))
        return router.log.withLock { $0.goneCount > 0 }
      })
    #expect(await router.end())
  }

  @Test("a gateway that starts later, or again, is found", arguments: kinds)
  func restartedGateway(kind: String) async throws {
    let folder = try SocketFolder()
    var router = await TestRouter(endpoint: endpoint(kind, in: folder))
    let endpoint = router.endpoint
    let scorer = EchoScorer(gateways: [endpoint])
    #expect(await eventually { scorer.log.withLock { !$0.events.isEmpty } })
    #expect(await router.end())
    #expect(await eventually { scorer.log.withLock { $0.events.count == 2 } })
    router = await TestRouter(endpoint: endpoint)
    #expect(await eventually { scorer.log.withLock { $0.events.count >= 3 } })
    router.send(matches([5]))
    #expect(await eventually { router.replies() == [5] })
    #expect(await scorer.end())
    #expect(await router.end())
  }

  @Test("an endpoint that can't be bound is an error that says which")
  func badEndpoint() async {
    let router = await TestRouter(endpoint: "tcp://not an address:1")
    let failure = router.log.withLock { $0.failure }
    #expect(failure?.call.hasPrefix("zmq_bind") == true)
    #expect(failure?.description.contains("not an address") == true)
  }

  @Test("a second ROUTER on one port is an error")
  func portTaken() async {
    let first = await TestRouter(endpoint: "tcp://127.0.0.1:*")
    let second = await TestRouter(endpoint: first.endpoint)
    #expect(second.log.withLock { $0.failure } != nil)
    #expect(await first.end())
  }
}

@Suite("Garbage on a socket")
struct GarbageTests {
  /// Frames that no codec accepts: random bytes, a good record cut short, one with a byte changed.
  private func garbage(_ index: Int) -> [UInt8] {
    var good = RecordCodec.encode(Record(message: .hello(Hello(scorerID: "x"))))
    switch index % 3 {
    case 0: return (0..<Int.random(in: 1...300)).map { _ in .random(in: 0...255) }
    case 1: return Array(good.prefix(Int.random(in: 1..<good.count)))
    default:
      good[Int.random(in: 0..<4)] ^= 0x55
      return good
    }
  }

  @Test("random bytes into the ROUTER change nothing but a counter")
  func intoRouter() async throws {
    let router = await TestRouter(endpoint: "tcp://127.0.0.1:*")
    let scorer = EchoScorer(gateways: [router.endpoint])
    #expect(await eventually { scorer.log.withLock { !$0.events.isEmpty } })
    let scorers = router.log.withLock { $0.peers }
    do {
      var options = ZMQOptions()
      options.isImmediate = false
      let stranger = try ZMQSocket.open(.dealer, in: ZMQContext(), options: options)
      try stranger.connect(router.endpoint)
      for index in 0..<999 { #expect(try stranger.send(garbage(index)) == .sent) }
      #expect(await eventually { router.counters.malformedFrames == 999 })
    }
    #expect(router.log.withLock { $0.peers } == scorers)
    router.send(matches([1]))
    #expect(await eventually { router.replies() == [1] })
    #expect(await scorer.end())
    #expect(await router.end())
  }

  @Test("a message too long ends its connection and nothing else")
  func tooLong() async throws {
    let router = await TestRouter(endpoint: "tcp://127.0.0.1:*")
    do {
      let stranger = try ZMQSocket.open(.dealer, in: ZMQContext(), options: ZMQOptions())
      try stranger.connect(router.endpoint)
      let bytes = [UInt8](repeating: 1, count: Int(FrameBatch.messageLimitBytes) + 1)
      #expect(try await eventually { try stranger.send(bytes) == .sent })
      // Connected again, and still talking.
      #expect(
        try await eventually {
          _ = try stranger.send(RecordCodec.encode(Record(message: .goodbye)))
          return router.log.withLock { !$0.received.isEmpty }
        })
    }
    #expect(router.log.withLock { $0.received.allSatisfy { $0.message == .goodbye } })
    #expect(router.counters.malformedFrames == 0)
    #expect(await router.end())
  }

  @Test("random bytes into a DEALER change nothing but a counter")
  func intoDealer() async throws {
    let gateway = try ZMQSocket.open(.router, in: ZMQContext(), options: ZMQOptions())
    try gateway.bind("tcp://127.0.0.1:*")
    let scorer = EchoScorer(gateways: [try gateway.boundEndpoint()])
    var peer: PeerIdentity?
    #expect(
      try await eventually {
        _ = try gateway.receive { part, index in
          if index == 0 { peer = PeerIdentity(Array(part)) }
        }
        return peer != nil
      })
    let identity = try #require(peer)
    #expect(identity.description.hasPrefix("s.echo."))
    for index in 0..<999 { #expect(try gateway.send(garbage(index), to: identity) == .sent) }
    #expect(await eventually { scorer.log.withLock { $0.malformedFrames == 999 } })
    #expect(scorer.requests().isEmpty)
    let good = RecordCodec.encode(matches([3])[0])
    #expect(try gateway.send(good, to: identity) == .sent)
    #expect(await eventually { scorer.requests() == [3] })
    #expect(try gateway.send(good, to: PeerIdentity([9, 9])) == .unreachable)
    #expect(await scorer.end())
  }
}
