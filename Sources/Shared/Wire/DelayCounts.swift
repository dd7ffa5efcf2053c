/// How many things took how long since a process started: a histogram that is cheap to keep and to send.
package struct DelayCounts: Equatable, Sendable {
  /// Upper bounds. Never change them but at their end: neighbours count by their places.
  package static let boundsMilliseconds: [UInt32] = [
    1, 2, 5, 10, 15, 20, 25, 30, 40, 50, 60, 75, 100, 150, 200, 300, 500, 1_000, 2_500, 5_000,
    10_000,
  ]

  /// One a bound, and the last for what took longer.
  package private(set) var counts: [UInt64]
  package private(set) var sumMilliseconds: UInt64 = 0

  package init() {
    counts = Array(repeating: 0, count: Self.boundsMilliseconds.count + 1)
  }

  /// A time below 0 is one that two hosts' clocks disagree on, and counts as 0.
  package mutating func record(milliseconds: Int64) {
    let value = UInt32(clamping: milliseconds)
    let bucket = Self.boundsMilliseconds.firstIndex { value <= $0 } ?? counts.count - 1
    counts[bucket] += 1
    sumMilliseconds += UInt64(value)
  }

  func write(to writer: inout ByteWriter) {
    writer.write(UInt8(counts.count))
    for count in counts { writer.write(count) }
    writer.write(sumMilliseconds)
  }

  static func read(_ reader: inout ByteReader) throws(WireError) -> DelayCounts {
    var delays = DelayCounts()
    let count = Int(try reader.read(UInt8.self))
    for place in 0..<count {
      let value: UInt64 = try reader.read()
      // What a newer neighbour has bounds for took longer than any of ours.
      let bucket = min(place, delays.counts.count - 1)
      delays.counts[bucket] &+= value
    }
    delays.sumMilliseconds = try reader.read()
    return delays
  }
}
