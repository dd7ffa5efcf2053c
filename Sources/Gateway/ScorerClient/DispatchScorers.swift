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
  var beat = Beat()
  var applied = StreamID.zero
  var lastHeard: Int64
  var inFlight = 0

  var isUsable: Bool { phase == .active && isReady && !isCongested }

  var snapshot: ScorerSnapshot {
    let state: ScorerSnapshot.State =
      switch phase {
      case .active: isReady ? .ready : .starting
      case .silent: .silent
      case .draining: .draining
      case .incompatible: .incompatible
      }
    return ScorerSnapshot(
      scorerID: id, state: state, version: version, inFlight: inFlight, applied: applied,
      beat: beat)
  }
}

/// The scorers in numbered places that stay theirs, and who of them gets the next request.
struct DispatchScorers {
  private struct Usable {
    var place: Int
    var isLagging: Bool
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

  func place(of peer: PeerIdentity) -> Int? { places[peer] }
  func place(ofScorer id: String) -> Int? { all.firstIndex { $0?.id == id } }

  subscript(place: Int) -> DispatchScorer {
    get { all[place]! }
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
      return Usable(place: place, isLagging: scorer.beat.lagMilliseconds > lagLimitMilliseconds)
    }
  }

  /// The usable scorer with the fewest in flight and room for one more; those that lag behind the
  /// change stream come last; of equals each in turn.
  mutating func choose(avoiding avoided: Int? = nil) -> Int? {
    var best: Int?
    var bestLoad = Int.max
    rotation &+= 1
    for step in usable.indices {
      let candidate = usable[(rotation &+ step) % usable.count]
      let inFlight = all[candidate.place]!.inFlight
      if inFlight >= inFlightLimit || candidate.place == avoided { continue }
      let load = candidate.isLagging ? inFlight + inFlightLimit : inFlight
      if load < bestLoad {
        best = candidate.place
        bestLoad = load
      }
    }
    return best
  }
}
