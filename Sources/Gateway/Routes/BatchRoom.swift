import Synchronization

/// How many batches are read and answered at once. Each may hold a megabyte and make several.
final class BatchRoom: Sendable {
  static let limit = 256

  /// Held for as long as its batch is in work.
  final class Place: Sendable {
    private let room: BatchRoom

    fileprivate init(in room: BatchRoom) { self.room = room }

    deinit { room.taken.wrappingSubtract(1, ordering: .relaxed) }
  }

  private let taken = Atomic<Int>(0)

  /// - Returns: nil when all are taken.
  func takePlace() -> Place? {
    let before = taken.wrappingAdd(1, ordering: .relaxed).oldValue
    if before < Self.limit { return Place(in: self) }
    taken.wrappingSubtract(1, ordering: .relaxed)
    return nil
  }
}
