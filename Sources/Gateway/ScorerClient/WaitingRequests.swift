/// Ids of requests that wait for a scorer, each kind in a queue of its own, in the order they came.
///
/// A request that fails while it waits is only counted out; its id is skipped later.
struct WaitingRequests {
  private var feedback = LazyQueue()
  private var matches = LazyQueue()
  private var batches = LazyQueue()

  func count(of kind: RequestKind) -> Int { self[kind].count }

  mutating func append(_ id: UInt64, _ kind: RequestKind) { self[kind].append(id) }

  /// The next id for which `isWaiting` holds; it stays.
  mutating func first(of kind: RequestKind, where isWaiting: (UInt64) -> Bool) -> UInt64? {
    self[kind].first(where: isWaiting)
  }

  /// The next id for which `isWaiting` holds.
  mutating func popFirst(of kind: RequestKind, where isWaiting: (UInt64) -> Bool) -> UInt64? {
    self[kind].popFirst(where: isWaiting)
  }

  /// One of the waiting failed. `isWaiting` tells which are left, for when the skipped ones pile
  /// up.
  mutating func removeOne(of kind: RequestKind, where isWaiting: (UInt64) -> Bool) {
    self[kind].skipOne(where: isWaiting)
  }

  private subscript(kind: RequestKind) -> LazyQueue {
    _read {
      switch kind {
      case .feedback: yield feedback
      case .match: yield matches
      case .batch: yield batches
      }
    }
    _modify {
      switch kind {
      case .feedback: yield &feedback
      case .match: yield &matches
      case .batch: yield &batches
      }
    }
  }
}

private struct LazyQueue {
  private var ids: [UInt64] = []
  private var head = 0
  private var skippedCount = 0

  var count: Int { ids.count - head - skippedCount }

  mutating func append(_ id: UInt64) { ids.append(id) }

  mutating func first(where isWaiting: (UInt64) -> Bool) -> UInt64? {
    while head < ids.count {
      if isWaiting(ids[head]) { return ids[head] }
      head += 1
      skippedCount -= 1
    }
    dropTaken()
    return nil
  }

  mutating func popFirst(where isWaiting: (UInt64) -> Bool) -> UInt64? {
    guard let id = first(where: isWaiting) else { return nil }
    head += 1
    dropTaken()
    return id
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
