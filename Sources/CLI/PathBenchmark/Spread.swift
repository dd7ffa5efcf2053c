import JSON

/// A few measurements of one thing.
package struct Spread: Equatable, Sendable {
  package let median: Double
  package let least: Double
  package let most: Double

  /// - Precondition: `values` isn't empty.
  package init(_ values: [Double]) {
    let sorted = values.sorted()
    let middle = sorted.count / 2
    median = sorted.count % 2 == 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2
    least = sorted[0]
    most = sorted[sorted.count - 1]
  }

  /// - Returns: nil for what `write` doesn't write.
  package init?(_ json: JSONValue?) {
    guard let json, let median = json["median"]?.double, let least = json["least"]?.double,
      let most = json["most"]?.double
    else { return nil }
    self.median = median
    self.least = least
    self.most = most
  }

  package func write(to json: inout JSONWriter) {
    json.object { json in
      json.field("median", Self.rounded(median))
      json.field("least", Self.rounded(least))
      json.field("most", Self.rounded(most))
    }
  }

  /// Four digits behind the point are finer than anything measured.
  private static func rounded(_ value: Double) -> Double { (value * 10_000).rounded() / 10_000 }
}
