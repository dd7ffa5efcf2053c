import Domain

/// A baseline's answer.
package struct ScanAnswer: Equatable, Sendable {
  package struct Entry: Equatable, Sendable {
    package var row: Int
    package var score: Double
  }

  /// Best first.
  package var best: [Entry]
  /// Only where nobody is eligible, as an index's answer has it.
  package var counts: MatchCounts?

  init(best: [Entry], counts: MatchCounts? = nil) {
    self.best = best
    self.counts = counts
  }

  /// Whether an index answered the same: miners, order, the scores' bits, counts.
  package func equals(_ answer: MatchAnswer) -> Bool {
    counts == answer.counts && hasSameCandidates(as: answer)
  }

  /// Whether an index found the same miners in the same order with the same scores, to the bit.
  package func hasSameCandidates(as answer: MatchAnswer) -> Bool {
    best.count == answer.candidates.count
      && zip(best, answer.candidates).allSatisfy { own, other in
        MinerPopulation.id(own.row) == other.minerID
          && own.score.bitPattern == other.score.bitPattern
      }
  }
}

/// The best few rows so far.
struct BestRows {
  private let limit: Int
  private(set) var entries: [ScanAnswer.Entry] = []

  init(limit: Int) {
    self.limit = limit
    entries.reserveCapacity(limit + 1)
  }

  @inline(__always)
  mutating func offer(_ row: Int, score: Double) {
    if entries.count == limit, let last = entries.last {
      if score < last.score || (score == last.score && row > last.row) { return }
      entries.removeLast()
    }
    var place = entries.count
    while place > 0,
      score > entries[place - 1].score
        || (score == entries[place - 1].score && row < entries[place - 1].row)
    { place -= 1 }
    entries.insert(ScanAnswer.Entry(row: row, score: score), at: place)
  }
}
