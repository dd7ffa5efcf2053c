import Domain
import Messaging
import Testing
import Wire

@testable import ScorerClient

@Suite("Dispatching: scorers come and go")
struct DispatchLivenessTests {
  @Test("what a silent scorer holds goes to another, before its deadline")
  func silence() {
    var hub = DispatchFixture()
    hub.join("a", "b")
    for token in 0..<6 { hub.askMatch(token) }
    for _ in 0..<6 {
      hub.tick(after: 100)
      hub.beat("b")
    }
    hub.tick(after: 100)
    #expect(hub.scorer("a")?.state == .silent)
    #expect(hub.events.contains(.silent(scorerID: "a", moved: 3)))
    #expect(hub.peers.suffix(3) == ["b", "b", "b"])
    #expect(hub.scorer("a")?.inFlight == 0)
    #expect(hub.scorer("b")?.inFlight == 6)
    hub.askMatch(6)
    #expect(hub.peers.last == "b")
  }

  @Test("a scorer that comes back gets requests again")
  func comesBack() {
    var hub = DispatchFixture()
    hub.join("a")
    hub.tick(after: 700)
    hub.askMatch(1)
    #expect(hub.sent.isEmpty)
    hub.beat("a")
    #expect(hub.peers == ["a"])
    #expect(hub.events.last == .returned(scorerID: "a"))
  }

  @Test("the only scorer's late answer counts while its question still waits for another")
  func lateButWanted() {
    var hub = DispatchFixture()
    hub.join("a")
    hub.askMatch(1, deadline: 5_000)
    hub.tick(after: 700)
    #expect(hub.state.waitingCount == 1)
    hub.answer(0)
    #expect(hub.answerer(1) == "a")
    #expect(hub.finishedTwice.isEmpty)
    #expect(hub.state.waitingCount == 0)
  }

  @Test("of two answers to a moved request the first counts")
  func duplicate() {
    var hub = DispatchFixture()
    hub.join("a", "b")
    hub.askMatch(1, deadline: 5_000)
    let first = hub.peers[0]
    let other = first == "a" ? "b" : "a"
    hub.lose(first, isGone: true)
    #expect(hub.peers == [first, other])
    hub.answer(1)
    hub.answer(0)
    #expect(hub.answerer(1) == other)
    #expect(hub.state.counters.late == 1)
    #expect(hub.finishedTwice.isEmpty)
  }

  @Test("a scorer that said goodbye gets nothing more, others are asked too, its answers count")
  func goodbye() {
    var hub = DispatchFixture()
    hub.join("a", "b")
    hub.askMatch(1)
    hub.askMatch(2)
    let leaving = hub.peers[0]
    let staying = hub.peers[1]
    hub.receive(.goodbye, from: leaving)
    #expect(hub.events.last == .draining(scorerID: leaving, moved: 1))
    #expect(hub.peers.last == staying)
    hub.answer(0)
    #expect(hub.answerer(1) == leaving)
    hub.askMatch(3)
    #expect(hub.peers.last == staying)
    hub.beat(leaving)
    #expect(hub.scorer(leaving)?.state == .draining)
  }

  @Test("one that knows of it is told that nothing more comes, and keeps what it has")
  func answeredGoodbye() {
    var hub = DispatchFixture(speaks: 1...3)
    for peer in ["a", "b"] {
      hub.greet(peer, versions: 1...3)
      hub.beat(peer)
    }
    hub.askMatch(1)
    let leaving = hub.peers[0]
    hub.links = []
    hub.receive(.goodbye, from: leaving)
    #expect(hub.links.map(\.record.message) == [.goodbye])
    #expect(hub.links.map(\.peer) == [leaving])
    #expect(hub.events.last == .draining(scorerID: leaving, moved: 0))
    hub.askMatch(2)
    #expect(hub.peers.last != leaving)
    hub.answer(0)
    #expect(hub.answerer(1) == leaving)
    #expect(hub.peers.count == 2)
  }

  @Test("the last scorer's goodbye leaves it its requests; once silent it is forgotten")
  func lastGoodbye() {
    var hub = DispatchFixture()
    hub.join("a")
    hub.askMatch(1, deadline: 5_000)
    hub.receive(.goodbye, from: "a")
    hub.askMatch(2, deadline: 5_000)
    #expect(hub.sent.count == 1)
    hub.answer(0)
    #expect(hub.answerer(1) == "a")
    hub.tick(after: 700)
    #expect(hub.state.snapshot.isEmpty)
    hub.join("b")
    #expect(hub.peers.last == "b")
  }

  @Test("one that greets anew under another connection replaces its former self")
  func replaced() {
    var hub = DispatchFixture()
    hub.greet("a.1", as: "a")
    hub.beat("a.1")
    hub.askMatch(1)
    hub.greet("a.2", as: "a")
    #expect(hub.state.snapshot.count == 1)
    #expect(hub.events.contains(.replaced(scorerID: "a", moved: 1)))
    hub.beat("a.2")
    #expect(hub.peers == ["a.1", "a.2"])
    hub.answer(1)
    #expect(hub.answerer(1) == "a")
  }

  @Test("one that greets anew on the same connection is asked again")
  func greetsAgain() {
    var hub = DispatchFixture()
    hub.join("a")
    hub.askMatch(1)
    hub.greet("a")
    hub.beat("a")
    #expect(hub.peers == ["a", "a"])
    #expect(hub.scorer("a")?.inFlight == 1)
  }

  @Test("one whose queue is full rests until its next word")
  func congested() {
    var hub = DispatchFixture()
    hub.join("a", "b")
    hub.askMatch(1)
    hub.askMatch(2)
    let full = hub.peers[0]
    let other = hub.peers[1]
    hub.lose(full, requestIDs: [hub.sent[0].record.requestID], isGone: false)
    #expect(hub.peers.last == other)
    #expect(hub.scorer(full)?.inFlight == 0)
    hub.beat(full)
    hub.askMatch(3)
    #expect(hub.peers.last == full)
  }

  @Test("a silent scorer is forgotten after a minute")
  func forgotten() {
    var hub = DispatchFixture()
    hub.join("a")
    hub.tick(after: 700)
    #expect(hub.state.snapshot.count == 1)
    hub.tick(after: 60_000)
    #expect(hub.state.snapshot.isEmpty)
    #expect(hub.events.last == .left(scorerID: "a"))
  }

  @Test("beats go out to scorers, and a stranger's beat is answered with: greet me")
  func beats() {
    var hub = DispatchFixture()
    hub.join("a")
    hub.links = []
    hub.tick(after: 100)
    #expect(hub.links.map(\.record.message) == [.beat(Beat())])
    hub.beat("stranger")
    #expect(hub.links.last?.peer == "stranger")
    #expect(hub.links.last?.record.message == .failure(Failure(.notReady)))
    #expect(hub.links.last?.record.requestID == 0)
    #expect(hub.state.counters.strangers == 1)
    #expect(hub.state.snapshot.count == 1)
  }
}
