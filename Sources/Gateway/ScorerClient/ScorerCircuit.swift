/// Whether a scorer that greets and beats can be relied on for answers. Pure.
///
/// Several faults in a row open the circuit: the scorer is asked only when nobody better is there. After
/// a while it gets one request's copy to try (half open); an answer closes the circuit, another fault
/// or no answer opens it for twice as long.
struct ScorerCircuit: Equatable {
  static let faultLimit = 5
  static let firstOpenMicroseconds: Int64 = 1_000_000
  static let longestOpenMicroseconds: Int64 = 30_000_000
  /// A try without an answer for so long has failed.
  static let tryMicroseconds: Int64 = 1_000_000

  enum Phase: Equatable {
    case closed
    case open(until: Int64)
    case trying(until: Int64)
  }

  private(set) var phase = Phase.closed
  private var faultsInARow = 0
  private var openMicroseconds = firstOpenMicroseconds

  var isClosed: Bool { phase == .closed }
  /// Closed, and the last answer was a good one.
  var isFaultless: Bool { faultsInARow == 0 && isClosed }

  func wantsTry(now: Int64) -> Bool {
    if case .open(let until) = phase { until <= now } else { false }
  }

  mutating func tried(now: Int64) { phase = .trying(until: now + Self.tryMicroseconds) }

  /// - Returns: whether that closed it.
  mutating func succeeded() -> Bool {
    let wasClosed = isClosed
    self = ScorerCircuit()
    return !wasClosed
  }

  /// - Returns: whether that opened it, having been closed before.
  mutating func failed(now: Int64) -> Bool {
    faultsInARow += 1
    switch phase {
    case .closed:
      guard faultsInARow >= Self.faultLimit else { return false }
      phase = .open(until: now + openMicroseconds)
      return true
    case .open: return false
    case .trying:
      reopen(now: now)
      return false
    }
  }

  mutating func tick(now: Int64) {
    if case .trying(let until) = phase, until <= now { reopen(now: now) }
  }

  private mutating func reopen(now: Int64) {
    openMicroseconds = min(openMicroseconds * 2, Self.longestOpenMicroseconds)
    phase = .open(until: now + openMicroseconds)
  }
}

/// Answers a second, out of the totals that beats carry. Pure.
struct AnswerRate {
  private static let spanMicroseconds: Int64 = 1_000_000

  private(set) var perSecond = 0.0
  private var last: (answers: UInt64, at: Int64)?

  mutating func note(_ answers: UInt64, now: Int64) {
    guard let last, answers >= last.answers else {
      last = (answers, now)
      perSecond = 0
      return
    }
    let span = now - last.at
    guard span >= Self.spanMicroseconds else { return }
    perSecond = Double(answers - last.answers) * 1_000_000 / Double(span)
    self.last = (answers, now)
  }
}
