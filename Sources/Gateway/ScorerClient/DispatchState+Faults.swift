import Domain
import Messaging
import Wire

/// Which matches are asked of a second scorer because the first takes long, within a share of all.
struct DispatchHedging {
  /// How many may come at once after a time with none.
  private static let burstLimit = 16.0

  private let afterMicroseconds: Int64
  private let share: Double
  private var wheel: DeadlineWheel
  private var allowance = 1.0

  init(limits: DispatchLimits, now: Int64) {
    afterMicroseconds = limits.hedgeMicroseconds
    share = limits.hedgeShare
    wheel = DeadlineWheel(now: now)
  }

  var nextMicroseconds: Int64 { wheel.nextMicroseconds }
  var isAllowed: Bool { allowance >= 1 }

  mutating func watch(_ id: UInt64, sentAt now: Int64) {
    allowance = min(Self.burstLimit, allowance + share)
    wheel.insert(id, deadline: now + afterMicroseconds)
  }

  mutating func takeSlow(now: Int64, isWanted: (UInt64) -> Bool) -> [UInt64] {
    wheel.expire(now: now, isWanted: isWanted)
  }

  mutating func spend() { allowance -= 1 }
}

/// Scorers that err, and matches that are asked twice.
extension DispatchState {
  mutating func succeeded(_ place: Int) {
    if scorers[place].circuit.isFaultless { return }
    guard scorers[place].circuit.succeeded() else { return }
    circuitChanged(place, .circuitClosed(scorerID: scorers[place].id))
  }

  mutating func erred(_ place: Int, now: Int64) {
    scorers[place].faultCount += 1
    isChanged = true
    guard scorers[place].circuit.failed(now: now) else { return }
    circuitChanged(place, .circuitOpened(scorerID: scorers[place].id))
  }

  /// Time was up. Whoever had the request for long owed an answer; what was asked in the last moment
  /// blames nobody.
  mutating func blameOverdue(_ entry: Pending, now: Int64) {
    guard let place = entry.place, let sentAt = entry.sentAt,
      now - sentAt >= limits.overdueMicroseconds
    else { return }
    erred(place, now: now)
  }

  private mutating func circuitChanged(_ place: Int, _ event: DispatchEvent) {
    scorers.refreshUsable()
    isChanged = true
    actions.append(.report(event))
  }

  /// Gives one that errs a copy of a match to try; whoever has the match itself answers it meanwhile.
  mutating func tryErring(_ id: UInt64, now: Int64) {
    for place in scorers.erringPlaces where scorers[place].circuit.wantsTry(now: now) {
      scorers[place].circuit.tried(now: now)
      isChanged = true
      copy(id, to: place, now: now)
      return
    }
  }

  mutating func hedgeSlow(now: Int64) {
    guard hedging != nil else { return }
    let slow = hedging?.takeSlow(now: now) { [pending] in pending[$0]?.place != nil } ?? []
    for id in slow where hedging?.isAllowed == true {
      guard let entry = pending[id], entry.copyPlace == nil,
        let other = scorers.choose(for: .match, avoiding: entry.place, onlyGood: true)
      else { continue }
      hedging?.spend()
      counters.hedged += 1
      copy(id, to: other, now: now)
    }
  }

  /// Asks the scorer at `place` too, unless two are asked already.
  private mutating func copy(_ id: UInt64, to place: Int, now: Int64) {
    guard var entry = pending[id], let first = entry.place, first != place, entry.copyPlace == nil
    else { return }
    entry.copyPlace = place
    pending[id] = entry
    sendRecord(id, entry, to: place, now: now)
  }
}

extension DispatchState.Pending {
  /// Whether the scorer errs that answers with this, as opposed to being busy, or right.
  func isFault(_ code: Failure.Code) -> Bool {
    switch code {
    case .faulty, .badRequest: kind != .feedback
    case .deadlinePassed, .overloaded, .notReady, .unknownMiner, .keyReused, .storeUnavailable:
      false
    }
  }

  /// Another scorer may do better. A match is a pure read, and feedback counts once however often it is
  /// handed in; but a store that is away is away for all, and each would wait for it anew.
  func mayBeAskedElsewhere(after code: Failure.Code) -> Bool {
    switch code {
    case .notReady, .overloaded, .faulty: true
    case .badRequest: kind != .feedback
    case .deadlinePassed, .unknownMiner, .keyReused, .storeUnavailable: false
    }
  }
}
