import CoreMetrics
import Synchronization

/// One metric with one set of labels. Kept by whoever counts, so that the hot path looks nothing up.
protocol MetricSeries: AnyObject, Sendable {
  var labels: LabelSet { get }
  func render(name: String, into text: inout String)
}

package final class CounterSeries: MetricSeries, CounterHandler, FloatingPointCounterHandler {
  let labels: LabelSet
  private let wholes = Atomic<Int64>(0)
  /// What was added as a floating-point number: the bits of a Double.
  private let fractions = Atomic<UInt64>(0)

  init(labels: LabelSet) {
    self.labels = labels
  }

  /// Negative amounts are ignored: a counter only grows.
  package func increment(by amount: Int64) {
    if amount > 0 { wholes.wrappingAdd(amount, ordering: .relaxed) }
  }

  package func increment(by amount: Int = 1) {
    increment(by: Int64(amount))
  }

  package func increment(by amount: Double) {
    guard amount > 0, amount.isFinite else { return }
    fractions.update { $0 + amount }
  }

  /// For a total that is counted elsewhere and read when it is scraped.
  package func set(total: Double) {
    wholes.store(0, ordering: .relaxed)
    fractions.update { _ in total }
  }

  package func reset() {
    set(total: 0)
  }

  package var value: Double {
    Double(wholes.load(ordering: .relaxed)) + fractions.double
  }

  func render(name: String, into text: inout String) {
    text += "\(name)\(labels.text) \(value.prometheusText)\n"
  }
}

package final class GaugeSeries: MetricSeries, MeterHandler, RecorderHandler {
  let labels: LabelSet
  private let bits = Atomic<UInt64>(0)

  init(labels: LabelSet) {
    self.labels = labels
  }

  package func set(_ value: Double) {
    bits.store(value.bitPattern, ordering: .relaxed)
  }

  package func set(_ value: Int64) {
    set(Double(value))
  }

  package func set(_ value: Int) {
    set(Double(value))
  }

  package func increment(by amount: Double) {
    bits.update { $0 + amount }
  }

  package func decrement(by amount: Double) {
    bits.update { $0 - amount }
  }

  package func record(_ value: Int64) {
    set(Double(value))
  }

  package func record(_ value: Double) {
    set(value)
  }

  package var value: Double { bits.double }

  func render(name: String, into text: inout String) {
    text += "\(name)\(labels.text) \(value.prometheusText)\n"
  }
}

/// Counts by bucket. A timer's nanoseconds are kept as seconds.
package final class HistogramSeries: MetricSeries, RecorderHandler, TimerHandler {
  private struct State {
    /// One a bucket, and the last for what is above all of them.
    var counts: [UInt64]
    var sum = 0.0
  }

  let labels: LabelSet
  private let buckets: [Double]
  private let state: Mutex<State>

  init(labels: LabelSet, buckets: [Double]) {
    self.labels = labels
    self.buckets = buckets
    state = Mutex(State(counts: Array(repeating: 0, count: buckets.count + 1)))
  }

  /// NaN is ignored.
  package func record(_ value: Double) {
    if value.isNaN { return }
    let bucket = firstBucket(holding: value)
    state.withLock { state in
      state.counts[bucket] += 1
      state.sum += value
    }
  }

  package func record(_ value: Int64) {
    record(Double(value))
  }

  package func recordNanoseconds(_ duration: Int64) {
    record(Double(duration) / 1e9)
  }

  package func record(_ duration: Duration) {
    let parts = duration.components
    record(Double(parts.seconds) + Double(parts.attoseconds) / 1e18)
  }

  /// For what is counted elsewhere, in the same buckets, and read when it is scraped.
  package func set(counts: [UInt64], sum: Double) {
    state.withLock { state in
      guard counts.count == state.counts.count else { return }
      state.counts = counts
      state.sum = sum
    }
  }

  /// How many records each bucket has, and at the end those above all of them.
  package var counts: [UInt64] { state.withLock { $0.counts } }

  private func firstBucket(holding value: Double) -> Int {
    var low = 0
    var high = buckets.count
    while low < high {
      let middle = (low + high) / 2
      if buckets[middle] < value { low = middle + 1 } else { high = middle }
    }
    return low
  }

  func render(name: String, into text: inout String) {
    let (counts, sum) = state.withLock { ($0.counts, $0.sum) }
    var running: UInt64 = 0
    for (count, bound) in zip(counts, buckets + [.infinity]) {
      running += count
      text += "\(name)_bucket\(labels.text(adding: bound.prometheusText)) \(running)\n"
    }
    text += "\(name)_sum\(labels.text) \(sum.prometheusText)\n"
    text += "\(name)_count\(labels.text) \(running)\n"
  }
}

extension Atomic<UInt64> {
  fileprivate var double: Double { Double(bitPattern: load(ordering: .relaxed)) }

  /// Changes the Double whose bits are kept here.
  fileprivate func update(_ change: (Double) -> Double) {
    var old = load(ordering: .relaxed)
    while true {
      let new = change(Double(bitPattern: old)).bitPattern
      let outcome = weakCompareExchange(expected: old, desired: new, ordering: .relaxed)
      if outcome.exchanged { return }
      old = outcome.original
    }
  }
}
