import Domain
import Testing

/// A flood of Sybils.
extension AttackLabTests {
  /// Ten thousand miners that nobody knows, with the others' latencies and the lower of their prices, and
  /// every job failed.
  private func flood(guarded: Bool) -> (lab: Lab, tally: Lab.Tally, wins: Int) {
    var lab = lab(seed: 4, guarded: guarded)
    lab.addHonest(Self.honestCount, knownTo: Self.coordinators)
    for number in 0..<10_000 {
      let price = Double.random(in: 0.5...1, using: &lab.random)
      let latency = Double.random(in: 50...300, using: &lab.random)
      _ = lab.join(
        "sybil-\(number)", .attacker, price: price, latency: latency, successPercent: 0)
    }
    let tally = lab.season(days: 4, jobsPerRound: 60, coordinators: Self.coordinators)
    return (lab, tally, tally.wins(lab.ids(.attacker)))
  }

  @Test("A Sybil flood of 10,000: newcomers' share, and no more")
  func sybilFlood() {
    let plain = flood(guarded: false)
    let guarded = flood(guarded: true)
    let bound = explorationBound(guarded.tally.matches)
    say(
      "Sybil flood: 10,000 unknown miners at lower prices beside \(Self.honestCount) known ones, all jobs failed",
      "by default: \(percent(plain.wins, plain.tally.matches)) of the jobs",
      "min_trust \(Self.floor), exploration \(Self.exploration): "
        + "\(percent(guarded.wins, guarded.tally.matches)) of the jobs, "
        + "\(guarded.wins) of \(guarded.tally.matches), bound \(bound)")
    #expect(guarded.wins <= bound)
    #expect(guarded.tally.bestAttackerTrust <= 0.5)
  }

  @Test("A Sybil flood and prices: with a highest price it moves no honest score by a bit")
  func sybilRanks() {
    func honestParts(flooded: Bool, capped: Bool) -> [MinerID: ScoreParts] {
      var lab = Lab(seed: 5)
      lab.addHonest(50, knownTo: ["c1"])
      for number in 0..<(flooded ? 10_000 : 0) {
        _ = lab.join("sybil-\(number)", .attacker, price: 0, latency: 50, successPercent: 0)
      }
      var parts: [MinerID: ScoreParts] = [:]
      let answer = lab.match { query in
        query.topK = 50
        query.minTrust = Self.floor
        if capped { query.maxPrice = Price(units: 150_000_000) }
      }
      for candidate in answer.candidates { parts[candidate.minerID] = candidate.parts }
      return parts
    }
    func mean(_ parts: [MinerID: ScoreParts], _ part: (ScoreParts) -> Double) -> Double {
      parts.values.reduce(0) { $0 + part($1) } / Double(parts.count)
    }
    let (before, after) = (
      honestParts(flooded: false, capped: true), honestParts(flooded: true, capped: true)
    )
    #expect(before.count == 50 && before.mapValues(\.price) == after.mapValues(\.price))
    #expect(before.mapValues(\.trust) == after.mapValues(\.trust))
    let (free, drowned) = (
      honestParts(flooded: false, capped: false), honestParts(flooded: true, capped: false)
    )
    say(
      "Sybil flood at price 0: honest miners' mean price part with no highest price "
        + "\(short(mean(free, \.price))) before, \(short(mean(drowned, \.price))) after (left open); "
        + "with one \(short(mean(before, \.price))) before and after")
    // Ranks lie between 0 and 1: nobody loses more than the part's weight.
    #expect(drowned.values.allSatisfy { (0...1).contains($0.price) })
  }

  @Test("A Sybil flood with a coordinator of its own: a day's evidence has its end")
  func sybilPraise() {
    var lab = Lab(seed: 6)
    let needed = (Self.floor * 4 - 2) / (1 - Self.floor)
    var (added, lifted) = (0.0, 0)
    for number in 0..<30_000 {
      let id = lab.join("sybil-\(number)", .attacker, price: 1, latency: 50, successPercent: 0)
      let weight = lab.report(.completed, on: id, by: "rogue", isProven: false)
      let more = lab.report(.completed, on: id, by: "rogue", isProven: false)
      added += weight + more
      if lab.trust(of: id).score >= Self.floor { lifted += 1 }
    }
    let bound = Int(lab.rule.coordinatorDay / needed)
    say(
      "Sybils praised by a coordinator of their own: \(lifted) of 30,000 over \(Self.floor) in a day, "
        + "bound \(bound); evidence \(short(added)), bound \(short(lab.rule.coordinatorDay))")
    #expect(added <= lab.rule.coordinatorDay)
    #expect(lifted <= bound)
  }
}
