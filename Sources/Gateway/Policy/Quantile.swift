/// Quantiles of what was counted or listed. Pure.
package enum Quantile {
  /// The value below which `part` of all records are, by straight interpolation within its bucket, as
  /// Prometheus' `histogram_quantile` has it.
  ///
  /// - Parameters:
  ///   - part: from 0 to 1.
  ///   - counts: one a bucket, and a last one for what is above all bounds.
  ///   - bounds: the buckets' upper bounds, ascending; the first bucket begins at 0.
  /// - Returns: nil when nothing was recorded; the last bound when the value is above it.
  package static func ofHistogram(
    _ part: Double, counts: [UInt64], bounds: [Double]
  ) -> Double? {
    let total = counts.reduce(0, +)
    guard total > 0, let last = bounds.last else { return nil }
    let rank = part * Double(total)
    var below = 0.0
    for (index, bound) in bounds.enumerated() {
      let count = Double(counts[index])
      if count > 0, below + count >= rank {
        let low = index == 0 ? 0 : bounds[index - 1]
        return low + (bound - low) * max(0, rank - below) / count
      }
      below += count
    }
    return last
  }

  /// The nearest-rank value: the smallest that at least `part` of the list is not above.
  ///
  /// - Parameter sorted: ascending.
  package static func ofSorted<Value>(_ part: Double, _ sorted: [Value]) -> Value? {
    guard !sorted.isEmpty else { return nil }
    let rank = Int((part * Double(sorted.count)).rounded(.up))
    return sorted[min(max(rank, 1), sorted.count) - 1]
  }
}
