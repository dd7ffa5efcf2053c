/// How many WebSockets may open each second, so that the miners of a gateway that failed don't take the
/// one they come to from its matches; and when those that come too many at once are to come again.
package struct OpeningPace: Sendable {
  /// The part of a second's openings that may come at once.
  private static let burstShare = 0.1
  private static let longestSeconds = 30.0

  private let perSecond: Double
  private let burst: Double
  /// Openings that may come now.
  private var free: Double
  /// Those that were sent away and haven't had their turn yet. Each gets the next place, so that
  /// they come back as fast as they can be taken in, and no faster.
  private var sentAway = 0.0
  private var lastSeconds: Double?

  package init(perSecond: Int) {
    self.perSecond = Double(perSecond)
    burst = max(1, self.perSecond * Self.burstShare)
    free = burst
  }

  /// - Parameter seconds: of a clock that never goes back.
  /// - Returns: nil for who may open; else after how many seconds to try again, from 1 on.
  package mutating func open(at seconds: Double) -> Int? {
    let turns = max(0, seconds - (lastSeconds ?? seconds)) * perSecond
    lastSeconds = seconds
    free = min(burst, free + turns)
    sentAway = max(0, sentAway - turns)
    if free >= 1 {
      free -= 1
      return nil
    }
    sentAway = min(sentAway + 1, perSecond * Self.longestSeconds)
    return max(1, Int((sentAway / perSecond).rounded(.up)))
  }
}
