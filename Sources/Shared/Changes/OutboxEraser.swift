import Threads

/// Deletes outbox rows in the background, many flushes' rows in one go. A failure costs nothing: the
/// sweeper appends such rows once more, and every change may be applied twice.
struct OutboxEraser: Sendable {
  private let batcher: Batcher<[Int64], Void>

  init(outbox: any OutboxStore) {
    batcher = Batcher(batchLimit: 256, queueLimit: 4_096) { groups in
      try await outbox.delete(ids: groups.flatMap { $0 })
      return groups.map { _ in .success(()) }
    }
  }

  func erase(_ ids: [Int64]) {
    if ids.isEmpty { return }
    Task { [batcher] in try? await batcher.submit(ids) }
  }
}
