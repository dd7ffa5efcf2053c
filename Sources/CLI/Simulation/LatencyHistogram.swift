import Glibc
import Synchronization

/// How long things took, in logarithmic buckets 4.4 % wide: constant memory, quantiles within a bucket.
package final class LatencyHistogram: Sendable {
  private static let bucketsPerDoubling = 16.0
  /// Up to 2^40 ns, some 18 minutes.
  private static let bucketCount = 640

  private struct State {
    var counts = [Int](repeating: 0, count: bucketCount)
    var total = 0
  }

  private let state = Mutex(State())

  package init() {}

  package func record(_ duration: Duration) {
    let nanoseconds = max(1, duration / .nanoseconds(1))
    let bucket = Int(log2(nanoseconds) * Self.bucketsPerDoubling)
    state.withLock { state in
      state.counts[min(bucket, Self.bucketCount - 1)] += 1
      state.total += 1
    }
  }

  package var count: Int { state.withLock { $0.total } }

  /// The upper edge of the bucket that holds quantile `fraction`; nil when nothing was recorded.
  package func quantile(_ fraction: Double) -> Duration? {
    state.withLock { state in
      if state.total == 0 { return nil }
      let wanted = Int((fraction * Double(state.total)).rounded(.up))
      var seen = 0
      for (bucket, count) in state.counts.enumerated() {
        seen += count
        if seen >= max(1, wanted) {
          return .nanoseconds(Int64(exp2(Double(bucket + 1) / Self.bucketsPerDoubling)))
        }
      }
      return nil
    }
  }
}
