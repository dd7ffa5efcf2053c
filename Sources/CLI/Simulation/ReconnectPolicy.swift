/// How long to wait before dialling again: doubling from half a second to half a minute, and anywhere
/// in the upper half of that, so that a fleet that was cut off together doesn't come back together.
package struct ReconnectPolicy: Equatable, Sendable {
  package static let firstSeconds = 0.5
  package static let longestSeconds = 30.0

  package private(set) var failures = 0

  package init() {}

  /// - Parameter unit: evenly drawn from [0, 1).
  package mutating func delaySeconds(unit: Double) -> Double {
    let full = min(Self.longestSeconds, Self.firstSeconds * Double(1 << min(failures, 10)))
    failures += 1
    return full * (0.5 + unit / 2)
  }

  package mutating func succeeded() { failures = 0 }
}
