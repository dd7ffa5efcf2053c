import Domain
import Messaging
import Testing
import Wire

@testable import ScorerClient

@Suite("Dispatching: batches, and matches that are spread")
struct DispatchBatchTests {
  private static func hub(inFlight: Int = 4, queue: Int = 6) -> DispatchFixture {
    var limits = DispatchLimits()
    limits.inFlightLimit = inFlight
    limits.queueLimit = queue
    return DispatchFixture(limits: limits, speaks: 1...4)
  }

  @Test("a batch counts for as many as it has, at its scorer and in the queue")
  func weight() {
    var hub = Self.hub()
    hub.join("a", versions: 1...4)
    hub.askBatch(0, of: 3)
    #expect(hub.scorer("a")?.inFlight == 3)
    // Where there is room for one it may go whole.
    hub.askBatch(1, of: 5)
    #expect(hub.scorer("a")?.inFlight == 8)
    hub.askBatch(2, of: 4)
    hub.askMatch(3)
    #expect(hub.sent.count == 2)
    #expect(hub.state.waitingCount == 5)
    hub.askBatch(4, of: 9)
    hub.askMatch(5)
    #expect(hub.error(4) == nil && hub.error(5) == .overloaded)
    hub.answer(0)
    #expect(hub.sent.count == 2)
    hub.answer(1)
    #expect(hub.sent.count == 3)
    #expect(hub.scorer("a")?.inFlight == 4)
    hub.answer(2)
    #expect(hub.sent.count == 5)
    #expect(hub.state.waitingCount == 0)
  }

  @Test("of matches and batches that wait the older goes first")
  func order() {
    var hub = Self.hub(inFlight: 1, queue: 100)
    hub.askMatch(0)
    hub.askBatch(1, of: 2)
    hub.askMatch(2)
    hub.askBatch(3, of: 2)
    hub.join("a", versions: 1...4)
    for index in 0..<4 { hub.answer(index) }
    #expect(hub.jobs == ["job-0", "job-1-0", "job-2", "job-3-0"])
  }

  @Test("a batch goes to a scorer that knows batches, and holds up nobody who can go elsewhere")
  func leastVersion() {
    var hub = Self.hub(inFlight: 2)
    hub.join("old", versions: 1...3)
    hub.join("new", versions: 1...4)
    for token in 0..<3 { hub.askBatch(token, of: 2) }
    #expect(hub.peers == ["new"])
    #expect(hub.state.waitingCount == 4)
    hub.askMatch(3)
    hub.askMatch(4)
    #expect(hub.peers == ["new", "old", "old"])
    // It isn't moved to one that doesn't know it either.
    hub.lose("new", isGone: true)
    #expect(hub.peers.count == 3)
    hub.join("new", versions: 1...4)
    #expect(hub.peers.suffix(1) == ["new"])
  }

  @Test("with none but scorers that don't know batches one is refused at once")
  func outdated() {
    var hub = Self.hub()
    hub.join("old", versions: 1...3)
    hub.askBatch(0, of: 2)
    #expect(hub.error(0) == .outdated)
    hub.greet("new", versions: 1...4)
    hub.askBatch(1, of: 2)
    #expect(hub.error(1) == nil)
    hub.beat("new")
    #expect(hub.peers == ["new"])
  }

  @Test("with nobody there at all it waits for its deadline, as a match does")
  func nobody() {
    var hub = Self.hub()
    hub.askBatch(0, of: 2, deadline: 300)
    #expect(hub.outcomes.isEmpty)
    hub.tick(after: 300)
    #expect(hub.error(0) == .noScorer)
    #expect(hub.state.waitingCount == 0)
  }

  @Test("an answer to fewer than were asked, or to one, is a fault")
  func wrongCount() {
    var hub = Self.hub()
    hub.join("a", versions: 1...4)
    let none = MatchAnswer(candidates: [], counts: nil)
    let written = WrittenAnswer(candidates: [], text: [], counts: nil)!
    let tooFew: [Message] = [
      .batchReply([none]), .matchReply(none), .writtenBatchReply([written]),
      .writtenMatchReply(written),
    ]
    for (token, answer) in tooFew.enumerated() {
      hub.askBatch(token, of: 2)
      hub.receive(answer, from: "a", id: hub.sent[token].record.requestID)
      #expect(hub.error(token) == .faulty)
    }
    for (token, answer) in [(4, .batchReply([none])), (5, Message.writtenBatchReply([written]))] {
      hub.askMatch(token)
      hub.receive(answer, from: "a", id: hub.sent[token].record.requestID)
      #expect(hub.error(token) == .faulty)
    }
    #expect(hub.scorer("a")?.inFlight == 0)
  }

  @Test("a slow match is asked of a second scorer, but no batch and none that is spread")
  func hedging() {
    var limits = DispatchLimits()
    limits.hedgeMicroseconds = 20_000
    limits.hedgeShare = 1
    var hub = DispatchFixture(limits: limits, speaks: 1...4)
    hub.join("a", "b", versions: 1...4)
    hub.askSpread(0)
    hub.askBatch(1, of: 2)
    hub.tick(after: 50)
    #expect(hub.sent.count == 2)
    hub.askMatch(2)
    hub.tick(after: 50)
    #expect(hub.sent.count == 4)
  }
}

extension DispatchFixture {
  /// Of what was sent, the first where there are several.
  fileprivate var jobs: [String] {
    sent.map { item in
      switch item.record.message {
      case .matchRequest(let query): query.jobID
      case .batchRequest(let queries): queries[0].jobID
      default: ""
      }
    }
  }
}
