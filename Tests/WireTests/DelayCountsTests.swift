import Testing

@testable import Wire

@Suite("Counts of delays")
struct DelayCountsTests {
  @Test(
    "a delay counts in the first bucket whose bound it doesn't pass",
    arguments: [
      (-5, 0), (0, 0), (1, 0), (2, 1), (3, 2), (100, 12), (101, 13), (10_000, 20), (10_001, 21),
      (5_000_000_000, 21),
    ] as [(Int64, Int)])
  func buckets(milliseconds: Int64, bucket: Int) {
    var delays = DelayCounts()
    delays.record(milliseconds: milliseconds)
    #expect(delays.counts.firstIndex(of: 1) == bucket)
    #expect(delays.counts.reduce(0, +) == 1)
    let counted: Int64 = min(max(milliseconds, 0), 4_294_967_295)
    #expect(delays.sumMilliseconds == UInt64(counted))
  }

  @Test("a neighbour's further bounds count as longer than ours")
  func furtherBounds() throws {
    var writer = ByteWriter()
    let theirs = DelayCounts.boundsMilliseconds.count + 4
    writer.write(UInt8(theirs))
    for count in 0..<theirs { writer.write(UInt64(count)) }
    writer.write(UInt64(77))
    let delays = try writer.bytes.withUnsafeBytes { bytes in
      Result { () throws(WireError) in
        var reader = ByteReader(bytes)
        return try DelayCounts.read(&reader)
      }
    }.get()
    let expected: [UInt64] = (0..<21).map { UInt64($0) } + [90]
    #expect(delays.counts == expected)
    #expect(delays.sumMilliseconds == 77)
  }
}
