import Dispatch
import Glibc
import Synchronization

/// Touches memory ahead, on another thread: a virtual machine may have to ask its host for every large
/// page (3 ms a MB were measured), and whoever writes there first waits for it.
final class PageToucher: Sendable {
  /// One large page: the kernel holds others' mappings up for as long.
  private static let touchedTogether = 2 << 20
  /// MADV_POPULATE_WRITE, since Linux 5.14; older ones refuse it, which does no harm.
  private static let populateForWriting: Int32 = 23

  private let queue = DispatchQueue(label: "pool-hub.index-memory")
  private let isDropping = Atomic(false)

  func touch(_ start: UnsafeMutableRawPointer, _ count: Int) {
    for offset in stride(from: 0, to: count, by: Self.touchedTogether) {
      let address = UInt(bitPattern: start + offset)
      let length = min(Self.touchedTogether, count - offset)
      queue.async {
        if self.isDropping.load(ordering: .relaxed) { return }
        madvise(UnsafeMutableRawPointer(bitPattern: address), length, Self.populateForWriting)
      }
    }
  }

  /// Drops what hasn't been touched yet; once this returns nothing of it is touched any more.
  func drop() {
    isDropping.store(true, ordering: .relaxed)
    queue.sync {}
    isDropping.store(false, ordering: .relaxed)
  }

  /// Gives a mapping back, once nothing of it is being touched.
  func unmap(_ start: UnsafeMutableRawPointer, _ count: Int) {
    let address = UInt(bitPattern: start)
    queue.async { munmap(UnsafeMutableRawPointer(bitPattern: address), count) }
  }
}
