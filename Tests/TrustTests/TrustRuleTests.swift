import Domain
import Testing
import Trust

private let day: Int64 = 24 * 60 * 60 * 1_000
private let start = Timestamp(milliseconds: 1_700_000_000_000)
private let rule = TrustRule.standard

@Suite("The trust rule")
struct TrustRuleTests {
  @Test(
    "The score is the prior plus the evidence, by hand",
    arguments: [
      (0.0, 0.0, 0.5), (1, 0, 0.6), (0, 1, 0.4), (0, 0.25, 2 / 4.25), (6, 2, 8.0 / 12),
      (20, 0, 22.0 / 24), (0, 20, 2.0 / 24), (40, 0, 42.0 / 44),
    ] as [(Double, Double, Double)])
  func score(good: Double, bad: Double, expected: Double) {
    #expect(rule.score(good: good, bad: bad) == expected)
  }

  @Test(
    "Evidence halves each 30 days",
    arguments: [(0, 8.0), (30, 4.0), (60, 2.0), (90, 1.0), (300, 8.0 / 1_024)] as [(Int64, Double)])
  func decay(days: Int64, good: Double) {
    let evidence = Evidence(good: 8, bad: 16, updatedAt: start)
    let later = start.advanced(byMilliseconds: days * day)
    let decayed = rule.decayed(evidence, to: later)
    #expect(decayed == Evidence(good: good, bad: 2 * good, updatedAt: later))
  }

  @Test("A clock that goes backwards changes nothing and loses no time")
  func clockBackwards() {
    let evidence = Evidence(good: 3, bad: 1, updatedAt: start)
    let earlier = start.advanced(byMilliseconds: -50 * day)
    #expect(rule.decayed(evidence, to: earlier) == evidence)
    let added = rule.adding(.completed, weight: 1, at: earlier, to: evidence)
    #expect(added == Evidence(good: 4, bad: 1, updatedAt: start))
  }

  @Test(
    "An outcome adds its weight to its side",
    arguments: [
      (Outcome.completed, 1.0, 0.0), (.failed, 0.0, 1.0), (.rejected, 0.0, 0.25),
      (.accepted, 0.0, 0.0),
    ] as [(Outcome, Double, Double)])
  func weights(outcome: Outcome, good: Double, bad: Double) {
    let added = rule.adding(outcome, weight: rule.weight(of: outcome), at: start, to: .none)
    #expect(added == Evidence(good: good, bad: bad, updatedAt: start))
  }

  @Test(
    "More than the cap is scaled down with its mix kept",
    arguments: [
      (30, 10, 15, 5), (20, 0, 20, 0), (10, 10, 10, 10), (0, 21, 0, 20),
    ] as [(Double, Double, Double, Double)])
  func cap(good: Double, bad: Double, cappedGood: Double, cappedBad: Double) {
    let capped = rule.capped(Evidence(good: good, bad: bad, updatedAt: start))
    #expect(capped == Evidence(good: cappedGood, bad: cappedBad, updatedAt: start))
  }
}

@Suite("What a report counts")
struct ReportWeightTests {
  private func weight(
    _ outcome: Outcome, isProven: Bool = true, pair: DailyEvidence = .none,
    coordinator: DailyEvidence = .none, at time: Timestamp = start
  ) -> Double {
    rule.weight(of: outcome, isProven: isProven, at: time, pair: pair, coordinator: coordinator)
  }

  private func added(_ weight: Double, _ outcome: Outcome) -> DailyEvidence {
    var day = DailyEvidence.none
    day.add(weight, for: outcome, at: start)
    return day
  }

  @Test("Without proof of a match it is a quarter")
  func unproven() {
    for outcome in Outcome.allCases {
      #expect(weight(outcome) == rule.weight(of: outcome))
      #expect(weight(outcome, isProven: false) == rule.weight(of: outcome) / 4)
    }
  }

  @Test("A pair's day has room for 5 good and 20 bad, each for itself")
  func pair() {
    #expect(weight(.completed, pair: added(4.5, .completed)) == 0.5)
    #expect(weight(.completed, pair: added(5, .completed)) == 0)
    #expect(weight(.completed, pair: added(20, .failed)) == 1)
    #expect(weight(.failed, pair: added(5, .completed)) == 1)
    #expect(weight(.failed, pair: added(19.75, .rejected)) == 0.25)
    #expect(weight(.rejected, pair: added(20, .failed)) == 0)
    // A rule that was made stricter during the day takes nothing back.
    #expect(weight(.completed, pair: added(9, .completed)) == 0)
  }

  @Test("A coordinator's day has room for 10,000, good and bad together")
  func coordinator() {
    #expect(weight(.completed, coordinator: added(9_999.5, .failed)) == 0.5)
    #expect(weight(.failed, coordinator: added(10_000, .completed)) == 0)
  }

  @Test("At midnight, UTC, there is room again; a clock that goes back brings none")
  func midnight() {
    let full = added(5, .completed)
    let sinceMidnight = start.milliseconds % day
    let midnight = start.advanced(byMilliseconds: day - sinceMidnight)
    #expect(weight(.completed, pair: full, at: midnight.advanced(byMilliseconds: -1)) == 0)
    #expect(weight(.completed, pair: full, at: midnight) == 1)
    #expect(weight(.completed, pair: full, at: start.advanced(byMilliseconds: -2 * day)) == 0)
    // Decay and the cap leave what was added today alone.
    let evidence = Evidence(good: 90, bad: 0, updatedAt: start, today: full)
    #expect(rule.capped(evidence).today == full)
    #expect(rule.decayed(evidence, to: midnight).today == full)
  }
}

@Suite("A miner's evidence")
struct MinerEvidenceTests {
  private func count(
    _ evidence: inout MinerEvidence, _ outcome: Outcome, by coordinator: String,
    atDay days: Int64 = 0
  ) {
    evidence.count(
      outcome, weight: rule.weight(of: outcome), by: coordinator,
      at: start.advanced(byMilliseconds: days * day), under: rule)
  }

  @Test("Two coordinators' evidence adds up, each decayed to the last report")
  func twoCoordinators() {
    var evidence = MinerEvidence()
    count(&evidence, .completed, by: "a")
    #expect(evidence.trust == MinerTrust(score: 0.6, good: 1, bad: 0, version: 1))
    count(&evidence, .failed, by: "b", atDay: 30)
    // a's 1 good halved, b's 1 bad whole: (2 + 0.5) / (4 + 1.5).
    #expect(evidence.trust == MinerTrust(score: 2.5 / 5.5, good: 0.5, bad: 1, version: 2))
  }

  @Test("An accepted job changes nothing, not even by time passing")
  func accepted() {
    var evidence = MinerEvidence()
    count(&evidence, .completed, by: "a")
    let before = evidence
    count(&evidence, .accepted, by: "a", atDay: 10)
    count(&evidence, .accepted, by: "b", atDay: 20)
    #expect(evidence == before)
  }

  @Test("One coordinator can't lift a miner past its cap, a second one can")
  func capPerCoordinator() {
    var evidence = MinerEvidence()
    for _ in 0..<1_000 { count(&evidence, .completed, by: "a") }
    #expect(evidence.trust.score == 22.0 / 24)
    for _ in 0..<1_000 { count(&evidence, .completed, by: "b") }
    #expect(evidence.trust.score == 42.0 / 44)
  }

  @Test("Evidence read back goes on where it was left")
  func resumed() {
    var whole = MinerEvidence()
    count(&whole, .failed, by: "b")
    count(&whole, .completed, by: "a", atDay: 3)
    let pairs = ["a", "b"].map { ($0, whole.evidence(of: $0) ?? .none) }
    var resumed = MinerEvidence(
      trust: whole.trust, byCoordinator: Dictionary(uniqueKeysWithValues: pairs))
    count(&whole, .rejected, by: "aa", atDay: 7)
    count(&resumed, .rejected, by: "aa", atDay: 7)
    #expect(whole == resumed)
  }

  @Test(
    "Whatever is reported, trust stays inside (0, 1) and each pair under its cap", arguments: 1...20
  )
  func bounds(seed: UInt64) {
    var random = SplitMix(state: seed)
    var evidence = MinerEvidence()
    var time = start
    for step in 1...500 {
      time = time.advanced(byMilliseconds: Int64.random(in: -3...5, using: &random) * day)
      let outcome = Outcome.allCases.randomElement(using: &random) ?? .failed
      let coordinator = ["a", "b", "c"].randomElement(using: &random) ?? "a"
      let before = evidence.trust
      evidence.count(
        outcome, weight: rule.weight(of: outcome), by: coordinator, at: time, under: rule)
      let pair = evidence.evidence(of: coordinator)
      #expect((pair.map { $0.good + $0.bad } ?? 0) <= rule.pairCap * (1 + 1e-12), "step \(step)")
      #expect(evidence.trust.score > 0 && evidence.trust.score < 1)
      #expect(evidence.trust.good >= 0 && evidence.trust.bad >= 0)
      #expect(evidence.trust.version == before.version + (outcome == .accepted ? 0 : 1))
    }
  }

  @Test("Decaying in two steps is decaying in one", arguments: [1, 13, 250, 40_000] as [Int64])
  func decayComposes(hours: Int64) {
    let evidence = Evidence(good: 7, bad: 3, updatedAt: start)
    let middle = start.advanced(byMilliseconds: hours * 1_300_000)
    let end = start.advanced(byMilliseconds: hours * 3_600_000)
    let twice = rule.decayed(rule.decayed(evidence, to: middle), to: end)
    let once = rule.decayed(evidence, to: end)
    #expect(abs(twice.good - once.good) <= once.good * 1e-12)
    #expect(abs(twice.bad - once.bad) <= once.bad * 1e-12)
  }

  @Test(
    "A good report never lowers trust at one moment, a bad one never raises it", arguments: 1...20)
  func monotone(seed: UInt64) {
    var random = SplitMix(state: seed)
    var evidence = MinerEvidence()
    for _ in 0..<200 {
      let before = evidence.trust.score
      let outcome: Outcome = Bool.random(using: &random) ? .completed : .failed
      count(&evidence, outcome, by: "a")
      if outcome == .completed {
        #expect(evidence.trust.score >= before - 1e-12)
      } else {
        #expect(evidence.trust.score <= before + 1e-12)
      }
    }
  }

  @Test("A replay of the reports ends where counting them did")
  func replay() throws {
    let id = try #require(MinerID("m1"))
    var evidence = MinerEvidence()
    var replay = TrustReplay()
    #expect(replay.trust(of: id) == .none)
    for day in 0..<40 as Range<Int64> {
      let outcome = Outcome.allCases[Int(day) % 4]
      let coordinator = day % 3 == 0 ? "a" : "b"
      count(&evidence, outcome, by: coordinator, atDay: day)
      replay.count(
        TrustReplay.Report(
          minerID: id, coordinator: coordinator, outcome: outcome,
          weight: rule.weight(of: outcome),
          recordedAt: start.advanced(byMilliseconds: day * 24 * 60 * 60 * 1_000)))
    }
    #expect(replay.trust(of: id) == evidence.trust)
  }
}

/// Sebastiano Vigna's SplitMix64: repeatable randomness.
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
