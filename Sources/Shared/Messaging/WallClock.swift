import Domain
import Glibc

extension Timestamp {
  /// The wall clock's time, for leases and records; for deadlines there is `MonotonicClock`.
  package static var now: Timestamp {
    var now = timespec()
    clock_gettime(CLOCK_REALTIME, &now)
    return Timestamp(milliseconds: Int64(now.tv_sec) * 1_000 + Int64(now.tv_nsec) / 1_000_000)
  }
}
