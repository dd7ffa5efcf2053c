import Domain
import Messaging
import Wire

/// One scorer's connection, as far as dispatching needs to know it.
struct DispatchScorer {
  enum Phase { case active, silent, draining, incompatible }

  var peer: PeerIdentity
  var id: String
  var version: UInt8
  var phase = Phase.active
  var isReady = false
  /// Its queue was full; it gets nothing until its next word.
  var isCongested = false
  var circuit = ScorerCircuit()
  var beat = Beat()
  var rate = AnswerRate()
  var applied = StreamID.zero
  var lastHeard: Int64
  var matchesInFlight = 0
  var feedbackInFlight = 0
  var faultCount = 0

  var isUsable: Bool { phase == .active && isReady && !isCongested }
  var inFlight: Int { matchesInFlight + feedbackInFlight }

  mutating func countInFlight(_ difference: Int, of kind: RequestKind) {
    if kind == .feedback { feedbackInFlight += difference } else { matchesInFlight += difference }
  }

  var snapshot: ScorerSnapshot {
    let state: ScorerSnapshot.State =
      switch phase {
      case .active: isReady ? .ready : .starting
      case .silent: .silent
      case .draining: .draining
      case .incompatible: .incompatible
      }
    let circuit: ScorerSnapshot.Circuit =
      switch circuit.phase {
      case .closed: .closed
      case .open: .open
      case .trying: .halfOpen
      }
    return ScorerSnapshot(
      scorerID: id, state: state, circuit: circuit, version: version, inFlight: inFlight,
      answersPerSecond: rate.perSecond, faults: faultCount, applied: applied, beat: beat)
  }
}

/// The scorers in numbered places that stay theirs, and who of them gets the next request.
struct DispatchScorers {
  /// The better ones come first; within one, the number in flight decides.
  private enum Standing: Int { case good, lagging, erring }

  private struct Usable {
    var place: Int
    var standing: Standing
  }

  private(set) var all: [DispatchScorer?] = []
  private var places: [PeerIdentity: Int] = [:]
  private var usable: [Usable] = []
  private var rotation = 0
  private let inFlightLimit: Int
  private let lagLimitMilliseconds: UInt32

  init(limits: DispatchLimits) {
    inFlightLimit = limits.inFlightLimit
    lagLimitMilliseconds = limits.lagMilliseconds
  }

  var count: Int { places.count }
  var occupiedPlaces: [Int] { all.indices.filter { all[$0] != nil } }
  /// Usable, but with an open circuit. Nearly always empty.
  private(set) var erringPlaces: [Int] = []

  func place(of peer: PeerIdentity) -> Int? { places[peer] }
  func place(ofScorer id: String) -> Int? { all.firstIndex { $0?.id == id } }

  subscript(place: Int) -> DispatchScorer {
    // Read in place: a copy of a scorer retains all its texts.
    _read { yield all[place]! }
    _modify { yield &all[place]! }
  }

  mutating func add(_ scorer: DispatchScorer) -> Int {
    let place = all.firstIndex { $0 == nil } ?? all.count
    if place == all.count { all.append(scorer) } else { all[place] = scorer }
    places[scorer.peer] = place
    refreshUsable()
    return place
  }

  mutating func remove(_ place: Int) {
    places[self[place].peer] = nil
    all[place] = nil
    refreshUsable()
  }

  /// To be called after a change of anything that `choose` looks at, but the count in flight.
  mutating func refreshUsable() {
    usable = all.indices.compactMap { place in
      guard let scorer = all[place], scorer.isUsable else { return nil }
      return Usable(place: place, standing: standing(of: scorer))
    }
    erringPlaces = usable.filter { $0.standing == .erring }.map(\.place)
  }

  private func standing(of scorer: DispatchScorer) -> Standing {
    if !scorer.circuit.isClosed { return .erring }
    return scorer.beat.lagMilliseconds > lagLimitMilliseconds ? .lagging : .good
  }

  /// The usable scorer with the fewest in flight and room for one more. Those that lag behind the
  /// change stream come after all others, those that err last; of equals each in turn.
  ///
  /// - Parameter onlyGood: none rather than one that lags or errs.
  mutating func choose(
    for kind: RequestKind, avoiding avoided: Int? = nil, onlyGood: Bool = false
  ) -> Int? {
    var best: Int?
    var bestLoad = Int.max
    rotation &+= 1
    for step in usable.indices {
      let candidate = usable[(rotation &+ step) % usable.count]
      if candidate.place == avoided || (onlyGood && candidate.standing != .good) { continue }
      if self[candidate.place].version < kind.leastVersion { continue }
      let matches = self[candidate.place].matchesInFlight
      let feedback = self[candidate.place].feedbackInFlight
      // Feedback has room of its own, so that a flood of matches doesn't hold it up. A batch may go where
      // there is room for one: else it might wait for ever.
      if (kind == .feedback ? feedback : matches) >= inFlightLimit { continue }
      let load = matches + feedback + candidate.standing.rawValue * 2 * inFlightLimit
      if load < bestLoad {
        best = candidate.place
        bestLoad = load
      }
    }
    return best
  }

  /// There are scorers to ask, and none of those that greeted knows requests of this kind.
  func areTooOld(for kind: RequestKind) -> Bool {
    !usable.isEmpty && all.allSatisfy { ($0?.version ?? 0) < kind.leastVersion }
  }
}
