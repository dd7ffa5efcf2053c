import Glibc

/// Time that never jumps, for deadlines and silence.
package enum MonotonicClock {
  /// Microseconds since the machine started.
  package static func microseconds() -> Int64 {
    var now = timespec()
    clock_gettime(CLOCK_MONOTONIC, &now)
    return Int64(now.tv_sec) * 1_000_000 + Int64(now.tv_nsec) / 1_000
  }
}
