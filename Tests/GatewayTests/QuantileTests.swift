import GatewayPolicy
import Testing

@Suite("Quantiles") struct QuantileTests {
  private static let bounds = [1.0, 2, 4]

  @Test(
    "A histogram's quantile stands within its bucket, in proportion",
    arguments: [
      ([4, 0, 0, 0], 0.5, 0.5), ([0, 4, 0, 0], 0.5, 1.5), ([2, 2, 0, 0], 0.5, 1),
      ([2, 2, 0, 0], 0.75, 1.5), ([0, 0, 10, 0], 0.99, 3.98), ([1, 0, 0, 1], 0.99, 4),
      ([0, 0, 0, 3], 0.5, 4), ([0, 5, 0, 0], 0, 1), ([0, 5, 0, 0], 1, 2),
    ])
  func histogram(_ counts: [UInt64], _ part: Double, _ value: Double) throws {
    let found = try #require(Quantile.ofHistogram(part, counts: counts, bounds: Self.bounds))
    #expect(abs(found - value) < 1e-9)
  }

  @Test("Nothing recorded has no quantile")
  func nothing() {
    #expect(Quantile.ofHistogram(0.5, counts: [0, 0, 0, 0], bounds: Self.bounds) == nil)
    #expect(Quantile.ofSorted(0.5, [Int]()) == nil)
  }

  @Test(
    "A list's quantile is one of its values, by nearest rank",
    arguments: [
      (0.0, 1), (0.1, 1), (0.2, 1), (0.21, 2), (0.5, 3), (0.6, 3), (0.61, 4), (0.9, 5), (1.0, 5),
    ])
  func list(_ part: Double, _ value: Int) {
    #expect(Quantile.ofSorted(part, [1, 2, 3, 4, 5]) == value)
  }
}
