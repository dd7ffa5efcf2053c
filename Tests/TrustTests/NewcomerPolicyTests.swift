import Domain
import Testing
import Trust

@Suite("Newcomers")
struct NewcomerPolicyTests {
  /// Answers from a list, best first, by trust, exclusions and number alone.
  private final class Index {
    let trust: [(name: String, trust: Double)]
    var asked: [MatchQuery] = []

    init(_ trust: [(name: String, trust: Double)]) { self.trust = trust }

    func match(_ query: MatchQuery) -> MatchAnswer {
      asked.append(query)
      let passing = trust.filter {
        $0.trust >= query.minTrust ?? 0 && $0.trust <= query.maxTrust ?? 1
          && !query.exclude.contains(MinerID($0.name)!)
      }
      let candidates = passing.prefix(query.topK).map { entry in
        Candidate(
          minerID: MinerID(entry.name)!, addr: "", proto: .http, region: "", score: 0,
          parts: ScoreParts(cap: 0, price: 0, latency: 0, trust: 0, load: 0), price: .zero,
          trust: entry.trust, etaMilliseconds: nil)
      }
      let isCounted = query.explainsFully || candidates.isEmpty
      let counts = MatchCounts(eligible: passing.count, considered: 0, rejected: [])
      return MatchAnswer(candidates: Array(candidates), counts: isCounted ? counts : nil)
    }
  }

  private let pool = Index([
    ("old-1", 0.9), ("old-2", 0.9), ("old-3", 0.8), ("bad", 0.49), ("new-1", 0.5), ("new-2", 0.6),
  ])

  private func query(_ topK: Int, job: String = "job") -> MatchQuery {
    var query = MatchQuery(jobID: job)
    query.topK = topK
    return query
  }

  private func names(_ answer: MatchAnswer) -> [String] { answer.candidates.map(\.minerID.text) }

  @Test("with nothing set the index is asked once, what was asked")
  func standard() {
    for topK in [1, 3, 50] {
      let plain = pool.match(query(topK))
      pool.asked = []
      #expect(NewcomerPolicy().answer(query(topK), match: pool.match) == plain)
      #expect(pool.asked == [query(topK)])
    }
  }

  @Test("a least trust stands in where none is asked")
  func minTrust() {
    let policy = NewcomerPolicy(minTrust: 0.55)
    #expect(
      names(policy.answer(query(50), match: pool.match)) == ["old-1", "old-2", "old-3", "new-2"])
    var lenient = query(50)
    lenient.minTrust = 0
    #expect(names(policy.answer(lenient, match: pool.match)).count == 6)
  }

  @Test("the last candidate is the best newcomer, or one more where there is room")
  func explores() {
    let policy = NewcomerPolicy(minTrust: 0.8, share: 1)
    #expect(names(policy.answer(query(1), match: pool.match)) == ["new-1"])
    #expect(names(policy.answer(query(3), match: pool.match)) == ["old-1", "old-2", "new-1"])
    #expect(
      names(policy.answer(query(5), match: pool.match)) == ["old-1", "old-2", "old-3", "new-1"])
  }

  @Test("where the last is a newcomer anyway, nothing changes")
  func isThere() {
    let answer = NewcomerPolicy(share: 1).answer(query(5), match: pool.match)
    #expect(names(answer) == ["old-1", "old-2", "old-3", "bad", "new-1"])
  }

  @Test("what the request asks holds for newcomers too")
  func asked() {
    var strict = query(2)
    strict.minTrust = 0.55
    strict.exclude = [MinerID("old-1")!]
    let policy = NewcomerPolicy(share: 1)
    #expect(names(policy.answer(strict, match: pool.match)) == ["old-2", "new-2"])
    strict.minTrust = 0.8
    #expect(names(policy.answer(strict, match: pool.match)) == ["old-2", "old-3"])
  }

  @Test("counts are those of the ordinary search, and go where somebody was found")
  func counts() {
    let policy = NewcomerPolicy(minTrust: 0.99, share: 1)
    let found = policy.answer(query(1), match: pool.match)
    #expect(names(found) == ["new-1"] && found.counts == nil)
    var full = query(1)
    full.explainsFully = true
    #expect(policy.answer(full, match: pool.match).counts?.eligible == 0)
    let nobody = Index([("old", 0.9)])
    #expect(policy.answer(query(1), match: nobody.match).counts?.eligible == 0)
  }

  @Test(
    "a job is explored or not whoever is asked, and as many as were set", arguments: [0.02, 0.3])
  func share(share: Double) {
    let policy = NewcomerPolicy(share: share)
    let explored = (0..<10_000).filter { number in
      let job = query(1, job: "job-\(number)")
      let answer = policy.answer(job, match: pool.match)
      #expect(policy.answer(job, match: pool.match) == answer)
      return names(answer) == ["new-1"]
    }
    // Within five standard deviations.
    let error = 5 * (10_000 * share * (1 - share)).squareRoot()
    #expect(abs(Double(explored.count) - 10_000 * share) < error, "\(explored.count)")
  }
}
