import Domain
import Glibc

/// Nanoseconds of a clock that never goes back.
func nanoseconds() -> Int64 {
  var time = timespec()
  clock_gettime(CLOCK_MONOTONIC, &time)
  return Int64(time.tv_sec) * 1_000_000_000 + Int64(time.tv_nsec)
}

/// The moment that the index is told: as much after `start` as was waited since this was made.
struct RunningTime {
  let start: Timestamp
  private let startedAt = nanoseconds()

  init(start: Timestamp) { self.start = start }

  var now: Timestamp {
    start.advanced(byMilliseconds: (nanoseconds() - startedAt) / 1_000_000)
  }
}

/// Durations of one thing done many times.
struct DurationSamples {
  private var values: [UInt32] = []
  private var sum: Int64 = 0

  mutating func add(nanoseconds: Int64) {
    values.append(UInt32(clamping: nanoseconds))
    sum += nanoseconds
  }

  mutating func add(_ others: DurationSamples) {
    values += others.values
    sum += others.sum
  }

  var count: Int { values.count }
  var sumSeconds: Double { Double(sum) / 1e9 }

  func sorted() -> SortedDurations { SortedDurations(values.sorted()) }
}

struct SortedDurations {
  private let values: [UInt32]

  fileprivate init(_ values: [UInt32]) { self.values = values }

  /// Microseconds that a `share` of all took at most; 0 when there are none.
  func microseconds(_ share: Double) -> Double {
    guard !values.isEmpty else { return 0 }
    let place = min(values.count - 1, Int(Double(values.count) * share))
    return Double(values[place]) / 1_000
  }
}
