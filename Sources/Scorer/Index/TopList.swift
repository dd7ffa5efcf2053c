import Domain

/// The best few of many, best first.
struct TopList {
  struct Entry {
    var score: Double
    var slot: Int
    var terms: Terms
  }

  private let limit: Int
  private(set) var entries: [Entry] = []

  /// - Parameter limit: held within what a request may ask.
  init(limit: Int) {
    self.limit = min(max(limit, Limits.topK.lowerBound), Limits.topK.upperBound)
    entries.reserveCapacity(self.limit)
  }

  /// Takes the entry in if it is among the best. `precedes` settles equal scores, by slot.
  @inline(__always)
  mutating func offer(_ entry: Entry, precedes: (Int, Int) -> Bool) {
    if entries.count == limit {
      // Most are worse than the worst kept.
      if entry.score < entries[limit - 1].score { return }
      if !isBefore(entry, entries[limit - 1], precedes) { return }
      entries.removeLast()
    }
    insert(entry, precedes)
  }

  private mutating func insert(_ entry: Entry, _ precedes: (Int, Int) -> Bool) {
    var place = entries.count
    while place > 0, isBefore(entry, entries[place - 1], precedes) { place -= 1 }
    entries.insert(entry, at: place)
  }

  private func isBefore(_ left: Entry, _ right: Entry, _ precedes: (Int, Int) -> Bool) -> Bool {
    left.score > right.score || (left.score == right.score && precedes(left.slot, right.slot))
  }
}
