import Domain
import Messaging
import Testing
import Wire

@testable import ScorerClient

@Suite("Dispatching: scorers that err, and hedging")
struct DispatchFaultTests {
  private static func hedging(after milliseconds: Int64 = 10, share: Double = 1) -> DispatchLimits {
    var limits = DispatchLimits()
    limits.hedgeMicroseconds = milliseconds * 1_000
    limits.hedgeShare = share
    return limits
  }

  /// Matches of which one scorer answers each, and `bad` errs at each.
  private func ask(_ count: Int, from first: Int, of hub: inout DispatchFixture, bad: String) {
    for token in first..<first + count {
      let before = hub.sent.count
      hub.askMatch(token)
      var next = before
      while next < hub.sent.count {
        if hub.peers[next] == bad { hub.fail(next, .faulty) } else { hub.answer(next) }
        next += 1
      }
    }
  }

  @Test("faults in a row open a scorer's circuit: it gets nothing more, and no match fails")
  func opens() {
    var hub = DispatchFixture()
    hub.join("a", "b")
    ask(20, from: 0, of: &hub, bad: "a")
    #expect(hub.scorer("a")?.circuit == .open)
    #expect(hub.scorer("a")?.faults == ScorerCircuit.faultLimit)
    #expect(hub.scorer("b")?.circuit == .closed)
    #expect(hub.events.last == .circuitOpened(scorerID: "a"))
    #expect(hub.outcomes.count == 20)
    #expect((0..<20).allSatisfy { hub.answerer($0) == "b" })
    let before = hub.sent.count
    ask(10, from: 20, of: &hub, bad: "a")
    #expect(hub.peers[before...].allSatisfy { $0 == "b" })
  }

  @Test("after a while it gets one copy to try: an answer closes the circuit")
  func closes() {
    var hub = DispatchFixture()
    hub.join("a", "b")
    ask(20, from: 0, of: &hub, bad: "a")
    hub.now += 1_000
    hub.beat("a", "b")
    let before = hub.sent.count
    hub.askMatch(100)
    hub.askMatch(101)
    #expect(hub.peers[before...].count { $0 == "a" } == 1)
    #expect(hub.scorer("a")?.circuit == .halfOpen)
    // The asker has its answer from another; this one only shows that the scorer answers.
    let copy = hub.sent.lastIndex { $0.peer == "a" }!
    for index in before..<hub.sent.count where index != copy { hub.answer(index) }
    #expect(hub.answerer(100) == "b")
    hub.answer(copy)
    #expect(hub.scorer("a")?.circuit == .closed)
    #expect(hub.events.last == .circuitClosed(scorerID: "a"))
    #expect(hub.scorer("a")?.inFlight == 0)
    #expect(hub.finishedTwice.isEmpty)
  }

  @Test("a try that errs or gets no answer opens it for twice as long", arguments: [true, false])
  func reopens(errs: Bool) {
    var hub = DispatchFixture()
    hub.join("a", "b")
    ask(20, from: 0, of: &hub, bad: "a")
    hub.now += 1_000
    hub.askMatch(100)
    let copy = hub.sent.lastIndex { $0.peer == "a" }!
    if errs {
      hub.fail(copy, .faulty)
    } else {
      for _ in 0..<10 {
        hub.tick(after: 100)
        hub.beat("a", "b")
      }
    }
    #expect(hub.scorer("a")?.circuit == .open)
    hub.now += 1_900
    hub.beat("a", "b")
    let before = hub.sent.count
    hub.askMatch(101)
    #expect(hub.peers[before...] == ["b"])
    hub.now += 200
    hub.askMatch(102)
    #expect(hub.peers.last == "a")
  }

  @Test("with nobody better one that errs is asked all the same")
  func lastResort() {
    var hub = DispatchFixture()
    hub.join("a")
    ask(20, from: 0, of: &hub, bad: "a")
    #expect(hub.scorer("a")?.circuit == .open)
    hub.askMatch(100)
    hub.answer(hub.sent.count - 1)
    #expect(hub.answerer(100) == "a")
    #expect(hub.scorer("a")?.circuit == .closed)
  }

  @Test("what ran out of time is the fault of whoever had it for long, and of nobody else")
  func overdue() {
    var hub = DispatchFixture()
    hub.join("a")
    for token in 0..<5 { hub.askMatch(token, deadline: 100) }
    hub.tick(after: 100)
    #expect(hub.scorer("a")?.faults == 0)
    for token in 5..<10 { hub.askMatch(token, deadline: 500) }
    for _ in 0..<5 {
      hub.tick(after: 100)
      hub.beat("a")
    }
    #expect(hub.scorer("a")?.faults == 5)
    #expect(hub.scorer("a")?.circuit == .open)
  }

  @Test("a slow match is asked of a second scorer, and the first answer counts")
  func hedged() {
    var hub = DispatchFixture(limits: Self.hedging())
    hub.join("a", "b")
    hub.askMatch(1)
    hub.askFeedback(2)
    let first = hub.peers[0]
    hub.tick(after: 9)
    #expect(hub.sent.count == 2)
    hub.tick(after: 2)
    #expect(hub.sent.count == 3)
    #expect(hub.peers[2] != first)
    #expect(hub.state.counters.hedged == 1)
    hub.answer(2)
    #expect(hub.answerer(1) == hub.peers[2])
    #expect(hub.state.counters.hedgesWon == 1)
    hub.answer(0)
    hub.answer(1)
    #expect(hub.state.counters.late == 1)
    #expect(hub.scorer("a")?.inFlight == 0)
    #expect(hub.scorer("b")?.inFlight == 0)
  }

  @Test("whichever of two falls silent, the other's answer counts", arguments: [true, false])
  func hedgeLost(firstIsLost: Bool) {
    var hub = DispatchFixture(limits: Self.hedging())
    hub.join("a", "b")
    hub.askMatch(1)
    hub.tick(after: 11)
    #expect(hub.sent.count == 2)
    hub.lose(hub.peers[firstIsLost ? 0 : 1], isGone: true)
    #expect(hub.sent.count == 2)
    hub.answer(firstIsLost ? 1 : 0)
    #expect(hub.answerer(1) == hub.peers[firstIsLost ? 1 : 0])
    #expect(hub.state.snapshot.allSatisfy { $0.inFlight == 0 })
  }

  @Test("hedging adds no more than its share, and is off unless it is wanted")
  func hedgeShare() {
    var hub = DispatchFixture(limits: Self.hedging(share: 0.05))
    hub.join("a", "b")
    for token in 0..<400 {
      hub.askMatch(token, deadline: 5_000)
      hub.tick(after: 11)
      hub.beat("a", "b")
    }
    #expect((18...22).contains(hub.state.counters.hedged))
    var plain = DispatchFixture()
    plain.join("a", "b")
    plain.askMatch(1)
    plain.tick(after: 500)
    #expect(plain.sent.count == 1)
  }

  @Test("answers a second come from the totals in beats")
  func answersPerSecond() {
    var hub = DispatchFixture()
    hub.join("a")
    var beat = Beat()
    beat.isReady = true
    for round in 1...20 {
      hub.now += 100
      beat.answers = UInt64(round * 50)
      hub.receive(.beat(beat), from: "a")
    }
    #expect(hub.scorer("a")?.answersPerSecond == 500)
    // It was started again.
    beat.answers = 3
    hub.receive(.beat(beat), from: "a")
    #expect(hub.scorer("a")?.answersPerSecond == 0)
  }
}
