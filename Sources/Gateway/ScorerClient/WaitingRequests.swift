/// Ids of requests that wait for a scorer, each kind in a queue of its own, in the order they came.
///
/// A request that fails while it waits is only counted out; its id is skipped later.
struct WaitingRequests {
  private var feedback = LazyQueue()
  private var matches = LazyQueue()

  var count: Int { feedback.count + matches.count }

  func count(ofFeedback isFeedback: Bool) -> Int { isFeedback ? feedback.count : matches.count }

  mutating func append(_ id: UInt64, isFeedback: Bool) {
    if isFeedback { feedback.append(id) } else { matches.append(id) }
  }

  /// The next id for which `isWaiting` holds.
  mutating func popFirst(ofFeedback isFeedback: Bool, where isWaiting: (UInt64) -> Bool) -> UInt64?
  {
    isFeedback ? feedback.popFirst(where: isWaiting) : matches.popFirst(where: isWaiting)
  }

  /// One of the waiting failed. `isWaiting` tells which are left, for when the skipped ones pile
  /// up.
  mutating func removeOne(isFeedback: Bool, where isWaiting: (UInt64) -> Bool) {
    if isFeedback {
      feedback.skipOne(where: isWaiting)
    } else {
      matches.skipOne(where: isWaiting)
    }
  }
}

private struct LazyQueue {
  private var ids: [UInt64] = []
  private var head = 0
  private var skippedCount = 0

  var count: Int { ids.count - head - skippedCount }

  mutating func append(_ id: UInt64) { ids.append(id) }

  mutating func popFirst(where isWaiting: (UInt64) -> Bool) -> UInt64? {
    while head < ids.count {
      let id = ids[head]
      head += 1
      if isWaiting(id) {
        dropTaken()
        return id
      }
      skippedCount -= 1
    }
    dropTaken()
    return nil
  }

  mutating func skipOne(where isWaiting: (UInt64) -> Bool) {
    skippedCount += 1
    guard skippedCount > 64 + (ids.count - head) / 2 else { return }
    ids = ids[head...].filter(isWaiting)
    head = 0
    skippedCount = 0
  }

  private mutating func dropTaken() {
    guard head == ids.count || head > 1_024 + ids.count / 2 else { return }
    ids.removeFirst(head)
    head = 0
  }
}
