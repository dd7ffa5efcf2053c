import Simulation

/// What will be done to a fleet, and in which order: the same for the same seed. Pure.
///
/// Scorers, gateways, Redis and PostgreSQL take turns; each goes through its own faults in an order of
/// its own before one comes again.
package struct ChaosPlan: Sendable {
  /// How a link is cut: nothing passes and nobody is told, as when a cable is pulled; or connections end
  /// and new ones are refused, as when a port is closed.
  package enum Cut: Equatable, Sendable { case silent, refused }

  package struct Step: Equatable, Sendable {
    package var fault: Fault
    /// Which of the victims, from 0.
    package var victim: Int
    /// From which gateway a scorer is cut off; nil: from all.
    package var gateway: Int?
    package var cut: Cut
    /// Nothing is done for so long before.
    package var calmMilliseconds: Int
    /// How long it lasts before it is mended.
    package var holdMilliseconds: Int
  }

  private let gateways: Int
  private let scorers: Int
  private let holdMilliseconds: ClosedRange<Int>
  private var random: SeededRandom
  private var waiting: [Fault.Victim: [Fault]] = [:]
  private var turns: [Fault.Victim] = []

  package init(
    seed: UInt64, gateways: Int, scorers: Int, holdMilliseconds: ClosedRange<Int> = 500...4_000
  ) {
    self.gateways = gateways
    self.scorers = scorers
    self.holdMilliseconds = holdMilliseconds
    random = SeededRandom(seed: seed, index: -3)
  }

  /// The next thing to do; there is always one.
  package mutating func next() -> Step {
    if turns.isEmpty { turns = Fault.Victim.allCases.shuffled(using: &random) }
    let victim = turns.removeFirst()
    if waiting[victim, default: []].isEmpty {
      waiting[victim] = Fault.allCases.filter { $0.victim == victim && isPossible($0) }
        .shuffled(using: &random)
    }
    // Whoever has one gateway or one scorer cannot lose it: those have their turn with what is left.
    guard let fault = waiting[victim]?.popLast() else { return next() }
    return Step(
      fault: fault, victim: Int.random(in: 0..<count(of: victim), using: &random),
      gateway: random.chance(0.5) ? Int.random(in: 0..<gateways, using: &random) : nil,
      cut: random.chance(0.5) ? .silent : .refused,
      calmMilliseconds: Int.random(in: 300...1_000, using: &random),
      holdMilliseconds: Int.random(in: holdMilliseconds, using: &random))
  }

  private func count(of victim: Fault.Victim) -> Int {
    switch victim {
    case .scorer: scorers
    case .gateway: gateways
    case .redis, .postgres: 1
    }
  }

  /// One scorer and one gateway always live.
  private func isPossible(_ fault: Fault) -> Bool {
    switch fault {
    case .scorersKilled: scorers > 2
    case .gatewayCutFromRedis, .gatewayCutFromPostgres: true
    default:
      switch fault.victim {
      case .scorer: scorers > 1
      case .gateway: gateways > 1
      case .redis, .postgres: true
      }
    }
  }
}
