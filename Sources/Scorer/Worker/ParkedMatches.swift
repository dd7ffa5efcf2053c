import Domain

/// Matches that wait until the index has applied what their gateway has acknowledged. Pure.
struct ParkedMatches {
  /// More than this many is a scorer that lags hopelessly: it says so instead of gathering more.
  static let limit = 10_000

  struct Match: Equatable {
    var gateway: Int
    var requestID: UInt64
    var query: MatchQuery
    /// What must have been applied.
    var after: StreamID
    /// Monotonic microseconds; nobody waits beyond it.
    var deadline: Int64
  }

  private var matches: [Match] = []

  var isEmpty: Bool { matches.isEmpty }
  var count: Int { matches.count }

  /// - Returns: false when there are too many.
  mutating func park(_ match: Match) -> Bool {
    guard matches.count < Self.limit else { return false }
    matches.append(match)
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
        droppedCount += 1
        return true
      }
      if match.after > applied { return false }
      ready.append(match)
      return true
    }
    return (ready, droppedCount)
  }
}
