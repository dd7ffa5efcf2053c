import Domain

/// Places of non-negative values in log-linear buckets, as HDR histograms have them: below 64 each
/// value has a bucket of its own, above that every octave has 64, so none is wider than 1/64 of
/// its lowest value.
package enum Bucket {
  /// Buckets of one octave.
  static let perOctave = 64
  static let octaveCount = 58
  package static let count = octaveCount * perOctave

  /// The bucket of `value`; what is below 0 goes with 0.
  package static func index(of value: Int64) -> Int {
    if value < Int64(perOctave) { return Int(max(0, value)) }
    let exponent = 63 - value.leadingZeroBitCount
    return (exponent - 6) * perOctave + Int(value >> Int64(exponent - 6))
  }

  /// The bucket of a latency, counted in nanoseconds; nil when it is no latency (NaN, negative).
  package static func index(ofMilliseconds latency: Double) -> Int? {
    guard latency >= 0 else { return nil }
    return index(of: Int64(min(latency * 1_000_000, 0x1p62)))
  }

  /// The lowest value of a bucket.
  package static func lowerBound(_ index: Int) -> Int64 {
    let (octave, place) = index.quotientAndRemainder(dividingBy: perOctave)
    if octave == 0 { return Int64(place) }
    return Int64(perOctave + place) << Int64(octave - 1)
  }
}

/// Percentile ranks over a fixed set of values. Only octaves that hold a value take room.
package struct PercentileTable: Sendable {
  /// How many values there are.
  package private(set) var count = 0
  /// One bit an octave that holds a value.
  private var octaves: UInt64 = 0
  /// For each bucket of those octaves how many values are in lower buckets; at the end, `count`.
  private var lower: [UInt32] = [0]
  private var divisor = 1.0

  package init() {}

  package init(values: some Sequence<Int64>) {
    var builder = Builder()
    for value in values { builder.add(bucket: Bucket.index(of: value)) }
    self = builder.build()
  }

  /// The share of the other values that are in lower buckets than `bucket`: in [0, 1], the same
  /// for all of a bucket, and never less for a higher one.
  @inline(__always)
  package func rank(ofBucket bucket: Int) -> Double {
    let octave = UInt64(bucket / Bucket.perOctave)
    let before = (octaves & ((1 << octave) - 1)).nonzeroBitCount * Bucket.perOctave
    let isHeld = octaves >> octave & 1 == 1
    let place = isHeld ? before + bucket % Bucket.perOctave : before
    // A value that isn't one of the table's can lie above all `count` of them.
    return min(1, Double(lower[place]) / divisor)
  }

  package func rank(of value: Int64) -> Double { rank(ofBucket: Bucket.index(of: value)) }

  /// Counts values into tables, one after another, with the same memory.
  package struct Builder: Sendable {
    private var counts = [UInt32](repeating: 0, count: Bucket.count)
    private var octaves: UInt64 = 0

    package init() {}

    package mutating func add(bucket: Int) {
      counts[bucket] += 1
      octaves |= 1 << UInt64(bucket / Bucket.perOctave)
    }

    /// The table of what was added since the last call.
    package mutating func build() -> PercentileTable {
      var table = PercentileTable()
      table.octaves = octaves
      table.lower = []
      table.lower.reserveCapacity(octaves.nonzeroBitCount * Bucket.perOctave + 1)
      var sum: UInt32 = 0
      while octaves != 0 {
        let start = octaves.trailingZeroBitCount * Bucket.perOctave
        for bucket in start..<start + Bucket.perOctave {
          table.lower.append(sum)
          sum += counts[bucket]
          counts[bucket] = 0
        }
        octaves &= octaves - 1
      }
      table.lower.append(sum)
      table.count = Int(sum)
      table.divisor = Double(max(1, table.count - 1))
      return table
    }
  }
}
