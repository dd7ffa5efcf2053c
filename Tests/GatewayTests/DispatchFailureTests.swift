import Domain
import Messaging
import Testing
import Wire

@testable import ScorerClient

@Suite("Dispatching: versions, failures, the end")
struct DispatchFailureTests {
  @Test(
    "both sides speak the highest version that both know",
    arguments: [(1...1, 1...1, 1), (1...2, 1...1, 1), (1...2, 1...2, 2), (2...3, 1...2, 2)])
  func negotiation(scorer: ClosedRange<UInt8>, gateway: ClosedRange<UInt8>, agreed: UInt8) {
    var hub = DispatchFixture(speaks: gateway)
    hub.greet("a", versions: scorer)
    #expect(hub.links.last?.record.message == .welcome(Welcome(gatewayID: "g", version: agreed)))
    #expect(hub.events == [.joined(scorerID: "a", version: agreed)])
  }

  @Test("a scorer with no version in common is told so, said once, and gets nothing")
  func mismatch() {
    var hub = DispatchFixture(speaks: 1...1)
    hub.greet("a", versions: 2...3)
    hub.greet("a", versions: 2...3)
    hub.beat("a")
    hub.askMatch(1)
    let refusal = Message.failure(Failure(.badRequest))
    #expect(hub.links.map(\.record.message) == [refusal, refusal])
    #expect(hub.events == [.incompatible(scorerID: "a", versions: 2...3)])
    #expect(hub.scorer("a")?.state == .incompatible)
    #expect(hub.sent.isEmpty)
  }

  @Test(
    "one that can't now is not the end: another is asked, once",
    arguments: [
      (Failure.Code.notReady, DispatchError.noScorer), (.overloaded, .overloaded),
      (.faulty, .faulty), (.badRequest, .faulty),
    ])
  func retry(code: Failure.Code, error: DispatchError) {
    var hub = DispatchFixture()
    hub.join("a", "b")
    hub.askMatch(1)
    hub.fail(0, code)
    #expect(hub.sent.count == 2)
    #expect(hub.peers[0] != hub.peers[1])
    hub.fail(1, code)
    #expect(hub.error(1) == error)
    #expect(hub.state.counters.retried == 1)
  }

  @Test("feedback over which a scorer errs is handed to another, once")
  func feedbackRetry() {
    var hub = DispatchFixture()
    hub.join("a", "b")
    hub.askFeedback(1)
    hub.fail(0, .faulty)
    #expect(Set(hub.peers) == ["a", "b"])
    hub.fail(1, .faulty)
    #expect(hub.error(1) == .faulty)
  }

  @Test("with no other to ask, overloaded fails at once and not ready waits")
  func retryAlone() {
    var hub = DispatchFixture()
    hub.join("a")
    hub.askMatch(1)
    hub.fail(0, .overloaded)
    #expect(hub.error(1) == .overloaded)
    hub.askMatch(2)
    hub.fail(1, .notReady)
    #expect(hub.outcomes[2] == nil)
    #expect(hub.state.waitingCount == 1)
    hub.beat("a")
    #expect(hub.peers == ["a", "a", "a"])
  }

  @Test(
    "a scorer's no is passed on",
    arguments: [
      (Failure.Code.deadlinePassed, DispatchError.deadline), (.unknownMiner, .unknownMiner),
      (.keyReused, .keyReused), (.storeUnavailable, .storeUnavailable), (.badRequest, .faulty),
    ])
  func failure(code: Failure.Code, error: DispatchError) {
    var hub = DispatchFixture()
    hub.join("a", "b")
    hub.askFeedback(1)
    hub.fail(0, code)
    #expect(hub.error(1) == error)
    #expect(hub.sent.count == 1)
    #expect(hub.state.pendingCount == 0)
  }

  @Test("a no from one that a request was taken from changes nothing")
  func staleFailure() {
    var hub = DispatchFixture()
    hub.join("a", "b")
    hub.askMatch(1)
    hub.lose(hub.peers[0], isGone: true)
    hub.fail(0, .faulty)
    #expect(hub.outcomes.isEmpty)
    hub.answer(1)
    #expect(hub.answerer(1) == hub.peers[1])
  }

  @Test("stopping refuses what is new and answers what is in flight")
  func stop() {
    var hub = DispatchFixture()
    hub.join("a")
    hub.askMatch(1)
    hub.change { state, _ in state.stop() }
    hub.askMatch(2)
    #expect(hub.error(2) == .noScorer)
    hub.answer(0)
    #expect(hub.answerer(1) == "a")
    #expect(hub.state.pendingCount == 0)
  }

  @Test("abandoning fails every request once")
  func abandon() {
    var hub = DispatchFixture()
    hub.join("a")
    for token in 0..<3 { hub.askMatch(token) }
    hub.change { state, _ in state.abandonAll() }
    #expect(hub.outcomes.count == 3)
    #expect((0..<3).allSatisfy { hub.error($0) == .noScorer })
    #expect(hub.finishedTwice.isEmpty)
    hub.answer(0)
    #expect(hub.state.counters.late == 1)
  }

  @Test("at most so many scorers are known")
  func scorerLimit() {
    var limits = DispatchLimits()
    limits.scorerLimit = 2
    var hub = DispatchFixture(limits: limits)
    hub.join("a", "b", "c")
    #expect(hub.state.snapshot.map(\.scorerID) == ["a", "b"])
    #expect(hub.events.last == .refusedTooMany(scorerID: "c"))
  }
}
