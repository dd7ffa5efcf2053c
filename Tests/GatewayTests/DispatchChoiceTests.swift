import Domain
import Messaging
import Testing
import Wire

@testable import ScorerClient

@Suite("Dispatching: who gets a request")
struct DispatchChoiceTests {
  @Test("a request goes to the scorer with the fewest in flight")
  func fewestInFlight() {
    var hub = DispatchFixture()
    hub.join("a", "b")
    for token in 0..<4 { hub.askMatch(token) }
    #expect(hub.peers.count { $0 == "a" } == 2)
    let ofB = hub.peers.indices.filter { hub.peers[$0] == "b" }
    for index in ofB { hub.answer(index) }
    hub.askMatch(4)
    hub.askMatch(5)
    #expect(hub.peers.suffix(2) == ["b", "b"])
    #expect(hub.scorer("a")?.inFlight == 2)
  }

  @Test("equals take turns")
  func rotation() {
    var hub = DispatchFixture()
    hub.join("a", "b", "c")
    for token in 0..<9 {
      hub.askMatch(token)
      hub.answer(token)
    }
    for peer in ["a", "b", "c"] { #expect(hub.peers.count { $0 == peer } == 3) }
  }

  @Test("one that lags behind the change stream is the last resort")
  func lagging() {
    var hub = DispatchFixture()
    hub.join("a", "b")
    hub.beat("a", lag: 60_000)
    for token in 0..<5 { hub.askMatch(token) }
    #expect(Set(hub.peers) == ["b"])
    hub.lose("b", isGone: true)
    #expect(hub.peers.suffix(5) == ["a", "a", "a", "a", "a"])
  }

  @Test("one that isn't ready gets nothing until its beat says so")
  func notReady() {
    var hub = DispatchFixture()
    hub.greet("a")
    hub.askMatch(1)
    hub.beat("a", isReady: false)
    #expect(hub.sent.isEmpty)
    #expect(hub.scorer("a")?.state == .starting)
    hub.beat("a")
    #expect(hub.peers == ["a"])
    #expect(hub.scorer("a")?.state == .ready)
  }

  @Test("the record carries the time left, what must be applied, and the agreed version")
  func record() throws {
    var hub = DispatchFixture(speaks: 1...2)
    hub.askMatch(1, deadline: 500, after: StreamID(milliseconds: 7, sequence: 8))
    hub.now += 200
    hub.greet("a", versions: 1...2)
    hub.beat("a")
    let record = try #require(hub.sent.first?.record)
    #expect(record.budgetMicroseconds == 300_000)
    #expect(record.streamID == StreamID(milliseconds: 7, sequence: 8))
    #expect(record.version == 2)
    #expect(record.requestID != 0)
  }

  @Test("the answer reaches its asker, with how far it had applied")
  func answer() throws {
    var hub = DispatchFixture()
    hub.join("a")
    hub.askMatch(1)
    hub.answer(0, stream: StreamID(milliseconds: 9, sequence: 0))
    let reply = try #require(hub.outcomes[1]).get()
    #expect(reply.scorerID == "a")
    #expect(reply.streamID == StreamID(milliseconds: 9, sequence: 0))
    #expect(hub.scorer("a")?.applied == StreamID(milliseconds: 9, sequence: 0))
    #expect(hub.scorer("a")?.inFlight == 0)
    #expect(hub.state.pendingCount == 0)
  }

  @Test("an answer of the wrong kind is a fault, not an answer")
  func wrongKind() {
    var hub = DispatchFixture()
    hub.join("a")
    hub.askFeedback(1)
    hub.receive(
      .matchReply(MatchAnswer(candidates: [], counts: nil)), from: "a",
      id: hub.sent[0].record.requestID)
    #expect(hub.error(1) == .faulty)
  }
}
