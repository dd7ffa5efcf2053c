import Domain
import Messaging
import Testing
import Wire

@testable import ScorerClient

@Suite("Dispatching: limits and deadlines")
struct DispatchLimitTests {
  private static func small() -> DispatchLimits {
    var limits = DispatchLimits()
    limits.inFlightLimit = 2
    limits.queueLimit = 3
    return limits
  }

  @Test("past what scorers hold and the queue, requests are refused at once")
  func overload() {
    var hub = DispatchFixture(limits: Self.small())
    hub.join("a")
    for token in 0..<7 { hub.askMatch(token) }
    #expect(hub.sent.count == 2)
    #expect(hub.state.waitingCount == 3)
    #expect(hub.error(5) == .overloaded)
    #expect(hub.error(6) == .overloaded)
    #expect(hub.state.counters.overloaded == 2)
    hub.answer(0)
    #expect(hub.sent.count == 3)
    hub.askMatch(7)
    #expect(hub.error(7) == nil)
  }

  @Test("feedback that waits goes before matches, each in its order")
  func feedbackFirst() {
    var hub = DispatchFixture()
    hub.askMatch(1)
    hub.askFeedback(2)
    hub.askMatch(3)
    hub.askFeedback(4)
    hub.join("a")
    let jobs = hub.sent.map { item -> String in
      switch item.record.message {
      case .matchRequest(let query): query.jobID
      case .feedbackRequest(let report): report.jobID
      default: ""
      }
    }
    #expect(jobs == ["job-2", "job-4", "job-1", "job-3"])
  }

  @Test("a flood of matches takes no room from feedback, neither at a scorer nor in the queue")
  func feedbackHasItsOwnRoom() {
    var hub = DispatchFixture(limits: Self.small())
    hub.join("a")
    for token in 0..<9 { hub.askMatch(token) }
    #expect(hub.error(8) == .overloaded)
    for token in 10..<15 { hub.askFeedback(token) }
    #expect(hub.sent.count == 4)
    #expect(hub.state.waitingCount == 6)
    hub.askFeedback(15)
    #expect(hub.error(15) == .overloaded)
    // Room for a match is no room for feedback, and the other way round.
    hub.answer(0)
    #expect(hub.sent.count == 5)
    hub.answer(2)
    #expect(hub.sent.count == 6)
    #expect(hub.scorer("a")?.inFlight == 4)
  }

  @Test("without any scorer a request waits for its deadline, and says why")
  func noScorer() {
    var hub = DispatchFixture()
    hub.askMatch(1, deadline: 300)
    hub.tick(after: 299)
    #expect(hub.outcomes.isEmpty)
    hub.tick(after: 1)
    #expect(hub.error(1) == .noScorer)
    #expect(hub.state.waitingCount == 0)
    hub.join("a")
    #expect(hub.sent.isEmpty)
  }

  @Test("an answer held back too long fails the request, and its late coming is only counted")
  func deadline() {
    var hub = DispatchFixture()
    hub.join("a")
    hub.askMatch(1, deadline: 50)
    hub.tick(after: 50)
    #expect(hub.error(1) == .deadline)
    #expect(hub.scorer("a")?.inFlight == 0)
    hub.answer(0)
    #expect(hub.error(1) == .deadline)
    #expect(hub.finishedTwice.isEmpty)
    #expect(hub.state.counters.late == 1)
  }

  @Test("a deadline that is past when asked fails at once")
  func pastDeadline() {
    var hub = DispatchFixture()
    hub.join("a")
    hub.askMatch(1, deadline: 0)
    #expect(hub.error(1) == .deadline)
    #expect(hub.sent.isEmpty)
  }

  @Test("deadlines of any length come up on time", arguments: [1, 7, 99, 4_096, 5_000, 60_000])
  func anyDeadline(milliseconds: Int64) {
    var hub = DispatchFixture()
    hub.askMatch(1, deadline: milliseconds)
    var turns = 0
    while hub.outcomes.isEmpty && turns < 100_000 {
      let next = (hub.state.nextTickMicroseconds + 999) / 1_000
      hub.tick(after: max(1, next - hub.now))
      turns += 1
    }
    #expect(hub.now == 1_000 + milliseconds)
  }

  @Test("requests that expired while waiting leave nothing behind")
  func expiredWaiting() {
    var hub = DispatchFixture(limits: Self.small())
    for round in 0..<500 {
      for token in 0..<3 { hub.askMatch(round * 3 + token, deadline: 5) }
      hub.tick(after: 5)
    }
    #expect(hub.outcomes.count == 1_500)
    #expect(hub.state.waitingCount == 0)
    #expect(hub.state.pendingCount == 0)
    hub.askMatch(9_999)
    hub.join("a")
    #expect(hub.sent.count == 1)
  }
}
