import Domain
import Testing
import Threads
import Wire

@testable import Messaging

@Suite("Gateways that come and go")
struct FoundGatewayTests {
  private func announcement(_ router: TestRouter) -> GatewayAnnouncement {
    GatewayAnnouncement(
      gatewayID: "test", instance: router.instance, endpoint: router.endpoint)
  }

  private func welcomedCount(_ scorer: EchoScorer) -> Int {
    scorer.log.withLock { log in
      log.events.count { if case .welcomed = $0 { true } else { false } }
    }
  }

  @Test("one that announces itself is served beside those of the list, and let go when it is gone")
  func foundAndGone() async throws {
    let listed = await TestRouter(endpoint: "tcp://127.0.0.1:*", instance: 1)
    let found = await TestRouter(endpoint: "tcp://127.0.0.1:*", instance: 2)
    let scorer = EchoScorer(gateways: [listed.endpoint])
    scorer.look(at: [announcement(listed), announcement(found)])
    #expect(await eventually { welcomedCount(scorer) == 2 })
    #expect(scorer.log.withLock { $0.linkCount } == 2)
    listed.send(matches([1]))
    found.send(matches([2]))
    #expect(await eventually { listed.replies() == [1] && found.replies() == [2] })

    // As long as it speaks it stays, announced or not: Redis may have lost its memory.
    scorer.look(at: [])
    found.send(matches([3]))
    #expect(await eventually { found.replies() == [2, 3] })
    #expect(await found.end())
    #expect(
      await eventually {
        scorer.look(at: [announcement(listed)])
        return scorer.log.withLock { $0.linkCount } == 1
      })
    #expect(scorer.log.withLock { $0.events.contains(.gone(endpoint: found.endpoint)) })
    listed.send(matches([4]))
    #expect(await eventually { listed.replies() == [1, 4] })
    #expect(await scorer.end())
    #expect(await listed.end())
  }

  @Test("one gateway by two addresses is served by one, the list's")
  func twoAddresses() async throws {
    let folder = try SocketFolder()
    let router = await TestRouter(endpoint: folder.endpoint("router"), instance: 5)
    let other = folder.endpoint("./router")
    // Found first, before the list's own link was welcomed.
    let scorer = EchoScorer(gateways: [router.endpoint])
    scorer.look(at: [GatewayAnnouncement(gatewayID: "test", instance: 5, endpoint: other)])
    #expect(await eventually { welcomedCount(scorer) >= 1 })
    let isOne = await eventually { scorer.log.withLock { $0.linkCount } == 1 }
    #expect(isOne, "\(scorer.log.withLock { $0.events })")
    for _ in 0..<20 {
      scorer.look(at: [GatewayAnnouncement(gatewayID: "test", instance: 5, endpoint: other)])
      #expect(await eventually { scorer.log.withLock { $0.announced == nil } })
    }
    #expect(scorer.log.withLock { $0.linkCount } == 1)
    #expect(await scorer.end())
    #expect(await router.end())
  }

  @Test("an address that nobody can connect to harms nothing")
  func badAddress() async throws {
    let router = await TestRouter(endpoint: "tcp://127.0.0.1:*", instance: 5)
    let scorer = EchoScorer(gateways: [])
    // It sleeps with nobody to serve, for as long as it takes.
    #expect(await eventually { scorer.log.withLock { $0.hasTurned } })
    scorer.look(at: [
      GatewayAnnouncement(gatewayID: "bad", instance: 1, endpoint: "tcp://not an address"),
      announcement(router),
    ])
    #expect(await eventually { welcomedCount(scorer) == 1 })
    #expect(scorer.log.withLock { $0.linkCount } == 1)
    #expect(await scorer.end())
    #expect(await router.end())
  }
}
