/// Ids of requests that wait for a scorer: feedback first, each kind in the order it came.
///
/// A request that fails while it waits is only counted out; its id is skipped later.
struct WaitingRequests {
  private var feedback = LazyQueue()
  private var matches = LazyQueue()
  private(set) var count = 0

  mutating func append(_ id: UInt64, isFeedback: Bool) {
    if isFeedback { feedback.append(id) } else { matches.append(id) }
    count += 1
  }

  /// The next id for which `isWaiting` holds.
  mutating func popFirst(where isWaiting: (UInt64) -> Bool) -> UInt64? {
    guard let id = feedback.popFirst(where: isWaiting) ?? matches.popFirst(where: isWaiting)
    else { return nil }
    count -= 1
    return id
  }

  /// One of the waiting failed. `isWaiting` tells which are left, for when the skipped ones pile
  /// up.
  mutating func removeOne(isFeedback: Bool, where isWaiting: (UInt64) -> Bool) {
    count -= 1
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
