import Domain
import Messaging
import Testing
import Wire

@testable import ScorerClient

@Suite("Dispatching: any course of events")
struct DispatchRandomTests {
  @Test("every request ends exactly once and every count returns to zero", arguments: 0..<40)
  func everyRequestEndsOnce(seed: UInt64) {
    var generator = SplitMix(state: seed)
    var limits = DispatchLimits()
    limits.inFlightLimit = 4
    limits.queueLimit = 6
    limits.forgetMicroseconds = 2_000_000
    if seed.isMultiple(of: 2) { limits.hedgeMicroseconds = 20_000 }
    limits.hedgeShare = 0.5
    var hub = DispatchFixture(limits: limits, speaks: 1...4)
    let peers = ["a", "b", "c"]
    var asked = 0
    for _ in 0..<2_000 {
      let peer = peers[Int.random(in: 0..<3, using: &generator)]
      let someSent = hub.sent.indices.suffix(12).randomElement(using: &generator)
      switch Int.random(in: 0..<16, using: &generator) {
      case 0...3:
        hub.askMatch(asked, deadline: .random(in: 1...900, using: &generator))
        asked += 1
      case 4:
        let count = Int.random(in: 1...5, using: &generator)
        hub.askBatch(asked, of: count, deadline: .random(in: 1...900, using: &generator))
        asked += 1
      case 5:
        hub.askFeedback(asked, deadline: .random(in: 1...900, using: &generator))
        asked += 1
      case 6...8: if let someSent { hub.answer(someSent) }
      case 9:
        let code = [Failure.Code.overloaded, .faulty].randomElement(using: &generator)!
        if let someSent { hub.fail(someSent, code) }
      case 10: if let someSent { hub.fail(someSent, .notReady) }
      case 11: hub.join(peer, versions: 1...(Bool.random(using: &generator) ? 3 : 4))
      case 12: hub.beat(peer)
      case 13: hub.tick(after: .random(in: 1...400, using: &generator))
      case 14: hub.lose(peer, isGone: Bool.random(using: &generator))
      case 15 where Bool.random(using: &generator): hub.receive(.goodbye, from: peer)
      default: hub.tick(after: 1)
      }
      let inFlight = hub.state.snapshot.map(\.inFlight)
      #expect(inFlight.allSatisfy { $0 >= 0 })
      #expect(
        inFlight.reduce(0, +) + hub.state.waitingCount
          == hub.state.pendingWeight + hub.state.copyCount)
    }
    hub.tick(after: 1_000)
    #expect(hub.outcomes.count == asked)
    #expect(hub.finishedTwice.isEmpty)
    #expect(hub.state.pendingCount == 0)
    #expect(hub.state.waitingCount == 0)
    #expect(hub.state.counters.answered + hub.state.counters.failed == asked)
  }
}

private struct SplitMix: RandomNumberGenerator {
  var state: UInt64

  mutating func next() -> UInt64 {
    state &+= 0x9e37_79b9_7f4a_7c15
    var mixed = state
    mixed = (mixed ^ (mixed >> 30)) &* 0xbf58_476d_1ce4_e5b9
    mixed = (mixed ^ (mixed >> 27)) &* 0x94d0_49bb_1331_11eb
    return mixed ^ (mixed >> 31)
  }
}
