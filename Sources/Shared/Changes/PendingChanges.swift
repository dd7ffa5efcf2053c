import Domain

/// What waits for the next flush, with the limits on it. Pure.
struct PendingChanges {
  /// Changes of one `append`.
  struct Item {
    var changes: [Change]
    /// Their rows in the outbox; none when nothing but us knows of them.
    var outboxIDs: [Int64]
  }

  struct Batch {
    var items: [Item]
    var statuses: [MinerID: StatusPatch]
  }

  /// The most changes without an outbox row that outlive a failed flush.
  static let retainedChangeLimit = 16_384

  private(set) var items: [Item] = []
  private(set) var statuses: [MinerID: StatusPatch] = [:]

  var isEmpty: Bool { items.isEmpty && statuses.isEmpty }

  mutating func note(_ id: MinerID, _ patch: StatusPatch) {
    if let known = statuses[id] {
      statuses[id] = known.merged(with: patch)
    } else {
      statuses[id] = patch
    }
  }

  mutating func append(_ item: Item) {
    if !item.changes.isEmpty { items.append(item) }
  }

  mutating func takeAll() -> Batch {
    let batch = Batch(items: items, statuses: statuses)
    items = []
    // The next ones will be about as many.
    statuses = Dictionary(minimumCapacity: batch.statuses.count)
    return batch
  }

  /// After a failed flush. Statuses wait under what came since; changes with an outbox row are left to
  /// the sweeper; the others wait, the oldest of them given up past the limit.
  /// - Returns: how many changes were given up.
  mutating func putBack(_ batch: Batch) -> Int {
    for (id, patch) in batch.statuses {
      statuses[id] = statuses[id].map { patch.merged(with: $0) } ?? patch
    }
    items = batch.items.filter(\.outboxIDs.isEmpty) + items
    return trimRetained()
  }

  /// When Redis is known to be away: what the sweeper will bring needs no place here.
  mutating func dropOutboxed() -> Int {
    items.removeAll { !$0.outboxIDs.isEmpty }
    return trimRetained()
  }

  private mutating func trimRetained() -> Int {
    var count = items.reduce(0) { $0 + $1.changes.count }
    var dropped = 0
    while count > Self.retainedChangeLimit, let first = items.first {
      items.removeFirst()
      count -= first.changes.count
      dropped += first.changes.count
    }
    return dropped
  }
}
