import Domain

/// Matches that wait until the index has applied what their gateway has acknowledged. Pure.
struct ParkedMatches {
  /// More than this many is a scorer that lags hopelessly: it says so instead of gathering more.
  static let limit = 10_000

  enum Asked {
    case one(MatchQuery)
    case batch([MatchQuery])

    var count: Int {
      switch self {
      case .one: 1
      case .batch(let queries): queries.count
      }
    }
  }

  struct Match {
    var gateway: Int
    var requestID: UInt64
    var asked: Asked
    /// What must have been applied.
    var after: StreamID
    /// Monotonic microseconds; nobody waits beyond it.
    var deadline: Int64
  }

  private var matches: [Match] = []
  /// With each of a batch's.
  private(set) var count = 0

  var isEmpty: Bool { matches.isEmpty }

  /// - Returns: false when there are too many.
  mutating func park(_ match: Match) -> Bool {
    guard count < Self.limit else { return false }
    matches.append(match)
    count += match.asked.count
    return true
  }

  /// Those that may be answered now, in the order they came. Those that nobody waits for any more go.
  mutating func takeReady(
    applied: StreamID, now: Int64
  ) -> (ready: [Match], droppedCount: Int) {
    guard !matches.isEmpty else { return ([], 0) }
    var ready: [Match] = []
    var droppedCount = 0
    matches.removeAll { match in
      if match.deadline <= now {
        droppedCount += match.asked.count
        return true
      }
      if match.after > applied { return false }
      ready.append(match)
      return true
    }
    count -= droppedCount + ready.reduce(0) { $0 + $1.asked.count }
    return (ready, droppedCount)
  }
}
