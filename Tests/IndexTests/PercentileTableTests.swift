import Domain
import Index
import TestRandom
import Testing

@Suite struct PercentileTableTests {
  @Test("no bucket is wider than 2 % of its lowest value, and each starts where the last ends")
  func bucketWidth() {
    for bucket in 0..<Bucket.count - 1 {
      let low = Bucket.lowerBound(bucket)
      let next = Bucket.lowerBound(bucket + 1)
      #expect(next > low)
      #expect(next - low == 1 || Double(next - low) <= 0.02 * Double(low))
      #expect(Bucket.index(of: low) == bucket)
      #expect(Bucket.index(of: next - 1) == bucket)
    }
    #expect(Bucket.index(of: .max) == Bucket.count - 1)
  }

  @Test("what isn't a positive value has a bucket too, or none")
  func odd() {
    #expect(Bucket.index(of: -5) == 0)
    #expect(Bucket.index(ofMilliseconds: .nan) == nil)
    #expect(Bucket.index(ofMilliseconds: -1) == nil)
    #expect(Bucket.index(ofMilliseconds: .infinity) != nil)
    #expect(Bucket.index(ofMilliseconds: 0) == 0)
    #expect(Bucket.index(ofMilliseconds: 1) == Bucket.index(of: 1_000_000))
  }

  @Test("the rank is the share of the others that are lower")
  func byHand() {
    let table = PercentileTable(values: [10, 20, 30, 40, 50])
    #expect(table.count == 5)
    #expect([10, 20, 30, 40, 50].map { table.rank(of: $0) } == [0, 0.25, 0.5, 0.75, 1])
  }

  @Test("equal values share the lowest rank of theirs")
  func equalValues() {
    let table = PercentileTable(values: [1_000, 5_000, 5_000, 5_000, 90_000])
    #expect([1_000, 5_000, 90_000].map { table.rank(of: $0) } == [0, 0.25, 1])
    #expect(PercentileTable(values: [7, 7, 7]).rank(of: 7) == 0)
  }

  @Test("values of one bucket share a rank")
  func sameBucket() {
    // 6,400 to 6,463 are one bucket: 64 sub-buckets between 4,096 and 8,192.
    let table = PercentileTable(values: [100, 6_400, 6_463, 6_464])
    #expect(table.rank(of: 6_400) == table.rank(of: 6_463))
    #expect(table.rank(of: 6_464) == 1)
  }

  @Test("one value alone has rank 0")
  func alone() {
    #expect(PercentileTable(values: [5]).rank(of: 5) == 0)
  }

  @Test("a value from elsewhere ranks between 0 and 1")
  func foreignValues() {
    let table = PercentileTable(values: [1_000, 1_000_000])
    #expect(table.rank(of: 0) == 0)
    #expect(table.rank(of: 30_000) == 1)
    #expect(table.rank(of: .max) == 1)
    #expect(PercentileTable(values: [5]).rank(of: 6) == 1)
    #expect(PercentileTable().rank(of: 6) == 0)
  }

  @Test("agrees with counting, and a builder begins anew after each table")
  func againstCounting() {
    var random = SplitMix64(seed: 2)
    var builder = PercentileTable.Builder()
    for _ in 0..<200 {
      let values = (0..<1 + random.below(60)).map { _ in
        Int64.random(in: 0...(1 << Int64(random.below(62))), using: &random)
      }
      for value in values { builder.add(bucket: Bucket.index(of: value)) }
      let table = builder.build()
      for value in values {
        let bound = Bucket.lowerBound(Bucket.index(of: value))
        let lower = values.count { $0 < bound }
        #expect(table.rank(of: value) == Double(lower) / Double(max(1, values.count - 1)))
      }
    }
  }
}
