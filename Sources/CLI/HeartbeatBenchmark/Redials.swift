import Simulation

/// The connections that a load lost and makes again, each in its time.
struct Redials {
  private static let tickNanoseconds: Int64 = 5_000_000

  private var due: [Int64: [Int]] = [:]
  private var nextTick: Int64?

  var isEmpty: Bool { due.isEmpty }

  mutating func add(_ number: Int, at nanoseconds: Int64) {
    let tick = nanoseconds / Self.tickNanoseconds + 1
    due[tick, default: []].append(number)
    nextTick = min(nextTick ?? tick, tick)
  }

  /// Those whose time has come.
  mutating func take(until now: Int64) -> [Int] {
    var numbers: [Int] = []
    let last = now / Self.tickNanoseconds
    while let tick = nextTick, tick <= last {
      numbers += due.removeValue(forKey: tick) ?? []
      nextTick = due.isEmpty ? nil : tick + 1
    }
    return numbers
  }
}

/// How a miner waits before it connects again, as one should: when the hub says so; else by itself, longer
/// each time, and never when all others do.
struct RedialPause {
  private var policy = ReconnectPolicy()
  /// What the hub asked for, by `going_away` or `Retry-After`.
  private var askedNanoseconds: Int64?

  /// `going_away` names each miner its own time.
  mutating func asked(milliseconds: Int) { askedNanoseconds = Int64(milliseconds) * 1_000_000 }

  /// `Retry-After` knows whole seconds only: a miner comes anywhere in the second that follows.
  mutating func asked(seconds: Int) {
    askedNanoseconds = Int64((Double(seconds) + .random(in: 0..<1)) * 1e9)
  }

  mutating func takeNanoseconds() -> Int64 {
    defer { askedNanoseconds = nil }
    return askedNanoseconds ?? Int64(policy.delaySeconds(unit: .random(in: 0..<1)) * 1e9)
  }

  mutating func succeeded() { policy.succeeded() }
}

/// Connections tried and opened, by tenths of a second of the machine's monotonic clock.
package struct ConnectCounts: Equatable, Sendable {
  package struct Count: Equatable, Sendable {
    package var tried = 0
    package var opened = 0
  }

  package static let bucketNanoseconds: Int64 = 100_000_000

  package private(set) var buckets: [Int64: Count] = [:]

  package init() {}

  package mutating func countTried(at now: Int64) {
    buckets[now / Self.bucketNanoseconds, default: Count()].tried += 1
  }

  package mutating func countOpened(at now: Int64) {
    buckets[now / Self.bucketNanoseconds, default: Count()].opened += 1
  }

  /// The most within `count` buckets in a row, of those that began within `nanoseconds`.
  package func peak(
    _ what: KeyPath<Count, Int>, over count: Int64, in nanoseconds: Range<Int64>
  ) -> Int {
    let first = nanoseconds.lowerBound / Self.bucketNanoseconds
    let last = nanoseconds.upperBound / Self.bucketNanoseconds
    let within = buckets.filter { first <= $0.key && $0.key <= last }
    return within.keys.map { bucket in
      (bucket..<bucket + count).reduce(0) { $0 + (within[$1]?[keyPath: what] ?? 0) }
    }.max() ?? 0
  }

  // MARK: As text, a bucket a line

  var text: String {
    buckets.sorted { $0.key < $1.key }
      .map { "\($0.key) \($0.value.tried) \($0.value.opened)" }.joined(separator: "\n")
  }

  /// Adds what another load counted.
  mutating func add(text: String) {
    for line in text.split(separator: "\n") {
      let numbers = line.split(separator: " ").compactMap { Int64($0) }
      guard numbers.count == 3 else { continue }
      buckets[numbers[0], default: Count()].tried += Int(numbers[1])
      buckets[numbers[0], default: Count()].opened += Int(numbers[2])
    }
  }
}
