import Domain
import Index
import TestRandom
import Trust

/// A pool in miniature, on a clock of its own: miners and coordinators, the real index and the real rule
/// of trust. The same for the same seed.
struct Lab {
  enum Side: Hashable { case honest, attacker }

  struct Member {
    var side: Side
    /// The chance that a job that it is given comes to a good end, in percent.
    var successPercent: Int
    var running: UInt32 = 0
  }

  /// What came of a season.
  struct Tally {
    var matches = 0
    var won: [MinerID: Int] = [:]
    /// The highest trust with which an attacker won.
    var bestAttackerTrust = 0.0

    func wins(_ ids: some Sequence<MinerID>) -> Int { ids.reduce(0) { $0 + (won[$1] ?? 0) } }
  }

  static let region = "eu"
  private static let dayMilliseconds: Int64 = 86_400_000
  private static let leaseMilliseconds: UInt32 = 45 * 86_400_000
  private static let roundsPerDay = 5
  private static let slots = 4

  let rule = TrustRule.standard
  let policy: NewcomerPolicy
  var random: SplitMix64
  private(set) var now = Timestamp(milliseconds: 1_750_000_000_000 / 86_400_000 * 86_400_000)
  private(set) var members: [MinerID: Member] = [:]
  private(set) var index = BlockIndex(weights: .standard)
  private var evidence: [MinerID: MinerEvidence] = [:]
  private(set) var coordinatorDays: [String: DailyEvidence] = [:]
  private var version: Int64 = 0
  private var jobs = 0

  init(seed: UInt64, minTrust: Double = 0, exploration: Double = 0) {
    random = SplitMix64(seed: seed)
    policy = NewcomerPolicy(minTrust: minTrust, share: exploration)
  }

  // MARK: Miners

  func trust(of id: MinerID) -> MinerTrust { evidence[id]?.trust ?? .none }

  func ids(_ side: Side) -> [MinerID] { members.filter { $0.value.side == side }.keys.sorted() }

  /// A new id, with no past.
  ///
  /// - Parameter latency: what it says of itself.
  mutating func join(
    _ name: String, _ side: Side, price: Double, latency: Double, successPercent: Int,
    capabilities: [String] = []
  ) -> MinerID {
    let id = MinerID(name)!
    version += 1
    var profile = MinerProfile()
    profile.region = Self.region
    profile.price = Price(units: Int64(price * 1e8))
    profile.maxParallel = Self.slots
    profile.capabilities = capabilities
    members[id] = Member(side: side, successPercent: successPercent)
    index.upsert(MinerRecord(id: id, version: version, profile: profile))
    var patch = StatusPatch(at: tick(), leaseMilliseconds: Self.leaseMilliseconds)
    patch.avgLatencyMilliseconds = latency
    index.apply(patch, to: id)
    return id
  }

  mutating func leave(_ id: MinerID) {
    index.remove(id)
    members[id] = nil
  }

  /// Honest miners of every price from 0.5 to 1.5 and every latency from 50 to 300 ms, whom each of the
  /// coordinators has known for long.
  mutating func addHonest(_ count: Int, knownTo coordinators: [String]) {
    for number in 0..<count {
      let id = join(
        "honest-\(number)", .honest, price: Double.random(in: 0.5...1.5, using: &random),
        latency: Double.random(in: 50...300, using: &random), successPercent: 97)
      for coordinator in coordinators { build(id, by: coordinator, days: 4) }
    }
  }

  /// Good reports for some days past, as many as count.
  mutating func build(_ id: MinerID, by coordinator: String, days: Int) {
    for day in 0..<days {
      let then = now.advanced(byMilliseconds: Int64(day - days) * Self.dayMilliseconds)
      for _ in 0..<Int(rule.goodPerPairDay) {
        count(.completed, on: id, by: coordinator, at: then, weight: 1)
      }
    }
    index.apply(trust(of: id), to: id)
  }

  private mutating func setRunning(_ id: MinerID, _ running: UInt32) {
    members[id]?.running = running
    var patch = StatusPatch(at: tick(), leaseMilliseconds: Self.leaseMilliseconds)
    patch.queueLength = running
    index.apply(patch, to: id)
  }

  // MARK: Coordinators

  /// - Returns: the evidence that the report added.
  @discardableResult
  mutating func report(
    _ outcome: Outcome, on id: MinerID, by coordinator: String, isProven: Bool = true
  ) -> Double {
    let weight = rule.weight(
      of: outcome, isProven: isProven, at: now,
      pair: evidence[id]?.evidence(of: coordinator)?.today ?? .none,
      coordinator: coordinatorDays[coordinator] ?? .none)
    count(outcome, on: id, by: coordinator, at: now, weight: weight)
    coordinatorDays[coordinator, default: .none].add(weight, for: outcome, at: now)
    index.apply(trust(of: id), to: id)
    return weight
  }

  private mutating func count(
    _ outcome: Outcome, on id: MinerID, by coordinator: String, at time: Timestamp, weight: Double
  ) {
    evidence[id, default: MinerEvidence()].count(
      outcome, weight: weight, by: coordinator, at: time, under: rule)
  }

  /// Bad evidence of these coordinators about a miner, as it stands.
  func bad(_ id: MinerID, by coordinators: [String]) -> Double {
    coordinators.reduce(0) { sum, name in
      let pair = evidence[id]?.evidence(of: name) ?? .none
      return sum + rule.decayed(pair, to: now).bad
    }
  }

  mutating func match(_ change: (inout MatchQuery) -> Void = { _ in }) -> MatchAnswer {
    jobs += 1
    var query = MatchQuery(jobID: "job-\(jobs)")
    query.region = Self.region
    change(&query)
    let now = tick()
    return policy.answer(query) { index.match($0, at: now) }
  }

  // MARK: Time

  /// Days of work: in each round a number of jobs is under way at once, each is given to the best miner,
  /// and its coordinator says how it went.
  ///
  /// - Parameters:
  ///   - jobsPerRound: half of them with a highest price.
  ///   - afterJob: may change who is there, given who had the job.
  ///   - eachDay: what attackers do before a day's work.
  mutating func season(
    days: Int, jobsPerRound: Int, coordinators: [String],
    afterJob: (inout Lab, MinerID) -> Void = { _, _ in },
    eachDay: (inout Lab, Int) -> Void = { _, _ in }
  ) -> Tally {
    var tally = Tally()
    for day in 1...days {
      eachDay(&self, day)
      for _ in 0..<Self.roundsPerDay {
        index.refresh(at: tick())
        round(jobsPerRound, coordinators, &tally, afterJob)
      }
      now = Timestamp(
        milliseconds: (now.milliseconds / Self.dayMilliseconds + 1) * Self.dayMilliseconds)
    }
    return tally
  }

  private mutating func round(
    _ jobsPerRound: Int, _ coordinators: [String], _ tally: inout Tally,
    _ afterJob: (inout Lab, MinerID) -> Void
  ) {
    var busy: Set<MinerID> = []
    for number in 0..<jobsPerRound {
      let isCapped = random.chance(50)
      let answer = match { if isCapped { $0.maxPrice = Price(units: 150_000_000) } }
      tally.matches += 1
      guard let best = answer.candidates.first, let member = members[best.minerID] else { continue }
      let id = best.minerID
      tally.won[id, default: 0] += 1
      if member.side == .attacker {
        tally.bestAttackerTrust = max(tally.bestAttackerTrust, best.trust)
      }
      busy.insert(id)
      setRunning(id, member.running + 1)
      let outcome: Outcome = random.chance(member.successPercent) ? .completed : .failed
      report(outcome, on: id, by: coordinators[number % coordinators.count])
      afterJob(&self, id)
    }
    for id in busy where members[id] != nil { setRunning(id, 0) }
  }

  /// The clock goes on with whatever happens.
  @discardableResult
  private mutating func tick() -> Timestamp {
    now = now.advanced(byMilliseconds: 1)
    return now
  }
}
