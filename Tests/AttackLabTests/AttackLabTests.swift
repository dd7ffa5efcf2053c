import Domain
import Glibc
import Index
import Testing
import Trust

/// What attackers gain against honest miners. Each attack is tried on a hub as it is by default and on one
/// that asks for some trust and gives newcomers a small share; prints what it found, and fails when that
/// is more than the rule promises. The figures stand in docs/THREATS.md.
@Suite("The attack lab")
struct AttackLabTests {
  /// The settings that docs/THREATS.md advises for open registration.
  static let floor = 0.55
  static let exploration = 0.02
  static let coordinators = ["c1", "c2", "c3"]
  static let honestCount = 200
  private static let seatCount = 10

  /// A hub by default, or as advised; where what newcomers get would hide the rest, without their share.
  func lab(seed: UInt64, guarded: Bool, explores: Bool = true) -> Lab {
    Lab(
      seed: seed, minTrust: guarded ? Self.floor : 0,
      exploration: guarded && explores ? Self.exploration : 0)
  }

  /// How many of `matches` an exploration may be won of, five standard deviations allowed.
  func explorationBound(_ matches: Int) -> Int {
    let (count, share) = (Double(matches), Self.exploration)
    return Int((count * share + 5 * (count * share * (1 - share)).squareRoot()).rounded(.up))
  }

  func say(_ attack: String, _ lines: String...) {
    print("attack lab: \(attack)")
    for line in lines { print("attack lab:   \(line)") }
  }

  func percent(_ part: Int, _ whole: Int) -> String {
    percent(Double(part) / Double(whole))
  }

  func percent(_ share: Double) -> String {
    "\((share * 1_000).rounded() / 10) %"
  }

  func short(_ number: Double) -> String { "\((number * 1_000).rounded() / 1_000)" }

  // MARK: Whitewashing

  /// Ten seats with the best price and latency that fail every job, and take a new name each time one is
  /// held against them.
  private func whitewash(guarded: Bool) -> (
    lab: Lab, tally: Lab.Tally, attackerWins: Int, names: Int
  ) {
    var lab = lab(seed: 1, guarded: guarded)
    lab.addHonest(Self.honestCount, knownTo: Self.coordinators)
    var names = 0
    func sit(_ lab: inout Lab) {
      names += 1
      _ = lab.join("white-\(names)", .attacker, price: 0.5, latency: 50, successPercent: 0)
    }
    for _ in 0..<Self.seatCount { sit(&lab) }
    let tally = lab.season(
      days: 10, jobsPerRound: 60, coordinators: Self.coordinators,
      afterJob: { lab, id in
        guard lab.members[id]?.side == .attacker, lab.trust(of: id).score < 0.5 else { return }
        lab.leave(id)
        sit(&lab)
      })
    let wins = tally.won.filter { $0.key.text.hasPrefix("white-") }.values.reduce(0, +)
    return (lab, tally, wins, names)
  }

  @Test("Whitewashing: a new name is worth the prior, and no more than newcomers' share")
  func whitewashing() {
    let plain = whitewash(guarded: false)
    let guarded = whitewash(guarded: true)
    let honest = plain.lab.ids(.honest)
    let perSeat = Double(plain.attackerWins) / Double(Self.seatCount)
    let perHonest = Double(plain.tally.wins(honest)) / Double(honest.count)
    let bound = explorationBound(guarded.tally.matches)
    say(
      "whitewashing: \(Self.seatCount) seats of the best price and latency, every job failed",
      "by default: \(percent(plain.attackerWins, plain.tally.matches)) of the jobs under "
        + "\(plain.names) names, \(short(perSeat)) a seat against \(short(perHonest)) an honest miner; "
        + "highest trust at a match \(short(plain.tally.bestAttackerTrust)), bound 0.5",
      "min_trust \(Self.floor), exploration \(Self.exploration): "
        + "\(percent(guarded.attackerWins, guarded.tally.matches)) of the jobs, "
        + "\(guarded.attackerWins) of \(guarded.tally.matches), bound \(bound)")
    #expect(plain.tally.bestAttackerTrust <= 0.5)
    #expect(guarded.tally.bestAttackerTrust <= 0.5)
    #expect(guarded.attackerWins > 0)
    #expect(guarded.attackerWins <= bound)
  }

  // MARK: A ring that deals with itself

  private struct Ring {
    var tally: Lab.Tally
    /// The ring's best trust at the end of each day.
    var trust: [Double]
    var wins: [Int]
    var end: Double
    var bad: Double
  }

  /// A coordinator that praises ten miners of its own a thousand times a day each, and those miners fail
  /// every job of the others.
  private func ring(guarded: Bool, isProven: Bool = true, days: Int = 12) -> Ring {
    var lab = lab(seed: 2, guarded: guarded, explores: false)
    lab.addHonest(Self.honestCount, knownTo: Self.coordinators)
    let own = (0..<Self.seatCount).map { seat in
      lab.join("ring-\(seat)", .attacker, price: 0.5, latency: 50, successPercent: 0)
    }
    var trust: [Double] = []
    let tally = lab.season(
      days: days, jobsPerRound: 60, coordinators: Self.coordinators,
      eachDay: { lab, day in
        var added = 0.0
        for id in own {
          for _ in 0..<1_000 {
            added += lab.report(.completed, on: id, by: "rogue", isProven: isProven)
          }
        }
        // What one coordinator adds in a day has its end.
        #expect(added <= Double(own.count) * lab.rule.goodPerPairDay)
        let best = own.map { lab.trust(of: $0).score }.max() ?? 0
        trust.append(best)
        #expect(best <= Self.bought(lab.rule, days: day) + 1e-9, "day \(day)")
      })
    return Ring(
      tally: tally, trust: trust, wins: own.map { tally.won[$0] ?? 0 },
      end: own.map { lab.trust(of: $0).score }.max() ?? 0,
      bad: own.map { lab.bad($0, by: Self.coordinators) }.min() ?? 0)
  }

  /// The most trust that one coordinator can buy in so many days.
  private static func bought(_ rule: TrustRule, days: Int) -> Double {
    rule.score(good: min(rule.pairCap, Double(days) * rule.goodPerPairDay), bad: 0)
  }

  @Test("A self-dealing ring: trust takes days to buy, has an end, and others' word outweighs it")
  func selfDealing() {
    let rule = TrustRule.standard
    let plain = ring(guarded: false)
    let guarded = ring(guarded: true)
    // What others must say until praise at its most doesn't lift a miner over the floor, and what of that
    // fades in a day; a job more may be under way.
    let enough =
      (rule.priorGood + rule.pairCap) / Self.floor
      - (rule.priorGood + rule.priorBad + rule.pairCap)
    let days = Double(guarded.trust.count)
    let fading = days * enough * (1 - exp2(-86_400_000 / rule.halfLifeMilliseconds))
    let bound = Int((enough + fading).rounded(.up)) + 1
    let most = guarded.wins.max() ?? 0
    say(
      "self-dealing ring: 1 coordinator, \(Self.seatCount) miners, 1,000 good reports a day on each",
      "trust after 1, 2, 4 and \(plain.trust.count) days of praise: "
        + [0, 1, 3, plain.trust.count - 1].map { short(plain.trust[$0]) }.joined(separator: ", ")
        + "; most that can be bought in 1, 2, 4 days: "
        + [1, 2, 4].map { short(Self.bought(rule, days: $0)) }.joined(separator: ", "),
      "by default: \(percent(plain.wins.reduce(0, +), plain.tally.matches)) of the jobs, "
        + "\(plain.wins.max() ?? 0) at most for one miner; trust at the end \(short(plain.end))",
      "min_trust \(Self.floor): \(percent(guarded.wins.reduce(0, +), guarded.tally.matches)) of the jobs, "
        + "\(most) at most for one miner, bound \(bound)")
    #expect(plain.end <= rule.score(good: rule.pairCap, bad: plain.bad) + 1e-9)
    #expect(most <= bound)
  }

  @Test("A self-dealing ring without matches: each report counts a quarter, so four times as many")
  func unprovenPraise() {
    let rule = TrustRule.standard
    func reports(isProven: Bool) -> Int {
      var lab = Lab(seed: 3)
      let id = lab.join("ring", .attacker, price: 1, latency: 50, successPercent: 0)
      var count = 0
      while lab.report(.completed, on: id, by: "rogue", isProven: isProven) > 0 { count += 1 }
      #expect(lab.trust(of: id).score <= Self.bought(rule, days: 1) + 1e-9)
      return count
    }
    let (proven, unproven) = (reports(isProven: true), reports(isProven: false))
    say(
      "praise without a match: \(unproven) reports for a day's \(short(rule.goodPerPairDay)) of evidence,"
        + " \(proven) with offers")
    #expect(unproven == 4 * proven)
  }

  // MARK: A lying latency

  private func lies(guarded: Bool) -> (tally: Lab.Tally, wins: [Int], honest: Double) {
    var lab = lab(seed: 7, guarded: guarded, explores: false)
    lab.addHonest(Self.honestCount, knownTo: ["c1"])
    let liars = (0..<Self.seatCount).map { seat in
      lab.join("liar-\(seat)", .attacker, price: 0.5, latency: 1, successPercent: 0)
    }
    // As well known as the others, before they begin.
    for id in liars { lab.build(id, by: "c1", days: 4) }
    let tally = lab.season(days: 10, jobsPerRound: 60, coordinators: ["c1"])
    let honest = lab.ids(.honest)
    return (
      tally, liars.map { tally.won[$0] ?? 0 }, Double(tally.wins(honest)) / Double(honest.count)
    )
  }

  @Test("A lying latency: worth its weight in the score, until its jobs have failed")
  func lyingLatency() {
    let rule = TrustRule.standard
    let plain = lies(guarded: false)
    let guarded = lies(guarded: true)
    // Each failure takes a 21st of a full pair's good evidence.
    let kept =
      (Self.floor * (rule.priorGood + rule.priorBad + rule.pairCap) - rule.priorGood)
      / rule.pairCap
    let step = rule.pairCap / (rule.pairCap + rule.failedWeight)
    var (left, bound) = (1.0, 0)
    while left >= kept {
      left *= step
      bound += 1
    }
    let most = guarded.wins.max() ?? 0
    let gain = latencyGain()
    say(
      "lying latency: \(Self.seatCount) well known miners of the best price that claim 1 ms; all late",
      "score gained by the lie \(short(gain)), bound \(short(Weights.standard.latency))",
      "by default: \(percent(plain.wins.reduce(0, +), plain.tally.matches)) of the jobs, "
        + "\(plain.wins.max() ?? 0) at most for one, \(short(plain.honest)) an honest miner",
      "min_trust \(Self.floor): \(percent(guarded.wins.reduce(0, +), guarded.tally.matches)) of the jobs, "
        + "\(most) at most for one, bound \(bound) failures and then never again")
    #expect(gain <= Weights.standard.latency / Weights.standard.sum + 1e-12)
    #expect(most <= bound)
  }

  /// Two of a kind, of which one lies.
  private func latencyGain() -> Double {
    var lab = Lab(seed: 8)
    lab.addHonest(Self.honestCount, knownTo: ["c1"])
    let honest = lab.join("slow", .honest, price: 1, latency: 400, successPercent: 97)
    let liar = lab.join("liar", .attacker, price: 1, latency: 1, successPercent: 0)
    func score(_ id: MinerID) -> Double {
      let others = lab.members.keys.filter { $0 != id }
      let answer = lab.match { $0.exclude = Array(others) }
      return answer.candidates.first?.score ?? 0
    }
    return score(liar) - score(honest)
  }
}
