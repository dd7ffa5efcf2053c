/// Deadlines of very many requests, most of which are answered long before: a ring of buckets of
/// one millisecond. Adding costs the same however many there are; what was answered is dropped when
/// its bucket comes round, once in `bucketCount` milliseconds, so the ring holds a few seconds'
/// worth at most.
struct DeadlineWheel {
  private struct Entry {
    var id: UInt64
    var dueMilliseconds: Int64
  }

  private static let bucketCount: Int64 = 4_096
  /// How far ahead it looks for the next deadline; the caller asks again by then.
  private static let horizonMilliseconds: Int64 = 128

  private var buckets = [[Entry]](repeating: [], count: Int(bucketCount))
  private var count = 0
  /// Buckets up to this millisecond were emptied of what was due.
  private var doneMilliseconds: Int64
  /// Nothing is due before; in microseconds.
  private(set) var nextMicroseconds = Int64.max

  init(now: Int64) { doneMilliseconds = now / 1_000 }

  /// - Parameter deadline: in microseconds; comes up within the millisecond after it.
  mutating func insert(_ id: UInt64, deadline: Int64) {
    let due = max((deadline + 999) / 1_000, doneMilliseconds + 1)
    buckets[Int(due % Self.bucketCount)].append(Entry(id: id, dueMilliseconds: due))
    count += 1
    nextMicroseconds = min(nextMicroseconds, due * 1_000)
  }

  /// Takes out what is due at `now` and what isn't wanted any more.
  /// - Returns: ids that are due, by their deadlines' milliseconds.
  mutating func expire(now: Int64, isWanted: (UInt64) -> Bool) -> [UInt64] {
    let nowMilliseconds = now / 1_000
    guard nowMilliseconds > doneMilliseconds else { return [] }
    var due: [UInt64] = []
    let first = max(doneMilliseconds + 1, nowMilliseconds - Self.bucketCount + 1)
    for millisecond in first...nowMilliseconds where count > 0 {
      let bucket = Int(millisecond % Self.bucketCount)
      if buckets[bucket].isEmpty { continue }
      let before = buckets[bucket].count
      buckets[bucket].removeAll { entry in
        guard isWanted(entry.id) else { return true }
        guard entry.dueMilliseconds <= nowMilliseconds else { return false }
        due.append(entry.id)
        return true
      }
      count -= before - buckets[bucket].count
    }
    doneMilliseconds = nowMilliseconds
    nextMicroseconds = findNext()
    return due
  }

  private func findNext() -> Int64 {
    if count == 0 { return .max }
    for millisecond in doneMilliseconds + 1...doneMilliseconds + Self.horizonMilliseconds
    where !buckets[Int(millisecond % Self.bucketCount)].isEmpty {
      return millisecond * 1_000
    }
    return (doneMilliseconds + Self.horizonMilliseconds) * 1_000
  }
}
