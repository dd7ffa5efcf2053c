import Dispatch
import Glibc
import Synchronization

/// Touches memory ahead, on another thread, while a fleet comes in: a virtual machine may have to ask
/// its host for every large page (3 ms a MB were measured), which takes longer than filling it.
final class PageToucher: Sendable {
  private static let touchedTogether = 8 << 20
  /// MADV_POPULATE_WRITE, since Linux 5.14; older ones refuse it, which does no harm.
  private static let populateForWriting: Int32 = 23

  private let queue = DispatchQueue(label: "pool-hub.index-memory")
  private let isStopped = Atomic(false)

  func touch(_ start: UnsafeMutableRawPointer, _ count: Int) {
    if isStopped.load(ordering: .relaxed) { return }
    for offset in stride(from: 0, to: count, by: Self.touchedTogether) {
      let address = UInt(bitPattern: start + offset)
      let length = min(Self.touchedTogether, count - offset)
      queue.async {
        if self.isStopped.load(ordering: .relaxed) { return }
        madvise(UnsafeMutableRawPointer(bitPattern: address), length, Self.populateForWriting)
      }
    }
  }

  /// Once this returns nothing is touched any more.
  ///
  /// - Returns: false when it was stopped before.
  func stop() -> Bool {
    if isStopped.exchange(true, ordering: .relaxed) { return false }
    queue.sync {}
    return true
  }

  /// Gives a mapping back, once nothing of it is being touched.
  func unmap(_ start: UnsafeMutableRawPointer, _ count: Int) {
    let address = UInt(bitPattern: start)
    queue.async { munmap(UnsafeMutableRawPointer(bitPattern: address), count) }
  }
}
