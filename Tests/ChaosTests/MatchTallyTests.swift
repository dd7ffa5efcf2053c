import Chaos
import Testing

@Suite("The tally of matches")
struct MatchTallyTests {
  private let start = ContinuousClock.now

  private func at(_ milliseconds: Int) -> ContinuousClock.Instant {
    start + .milliseconds(milliseconds)
  }

  @Test("counts answers by what they are, over all and under the fault of the time")
  func counts() {
    var tally = MatchTally()
    for _ in 0..<5 { tally.sent(at: at(0)) }
    tally.ended(status: 200, at: at(1))
    tally.fault = .scorerKilled
    tally.ended(status: 200, at: at(2))
    tally.ended(status: 503, at: at(3))
    tally.ended(status: 500, at: at(4))
    tally.fault = nil
    tally.ended(status: nil, at: at(5))
    #expect(tally.all.sent == 5)
    #expect([tally.all.answered, tally.all.refused, tally.all.failed] == [2, 1, 2])
    #expect(tally.unexpectedStatuses == [500: 1])
    #expect(tally.byFault[.scorerKilled]?.answered == 1)
    #expect(tally.byFault[.scorerKilled]?.answeredShare == 1.0 / 3)
    #expect(tally.byFault[.redisKilled] == nil)
  }

  @Test("measures the time in which matches were outstanding and none was answered")
  func gap() {
    var tally = MatchTally()
    tally.sent(at: at(0))
    tally.ended(status: 200, at: at(10))
    // Nobody asks: no gap.
    tally.sent(at: at(5_000))
    tally.sent(at: at(5_100))
    #expect(tally.all.longestGap == .milliseconds(10))
    // A refusal is no answer.
    tally.ended(status: 503, at: at(5_300))
    tally.ended(status: 200, at: at(5_700))
    #expect(tally.all.longestGap == .milliseconds(700))
  }
}
