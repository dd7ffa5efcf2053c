/// How much each part of the score counts. None below 0; the score divides by their sum.
package struct Weights: Equatable, Sendable {
  package var cap: Double
  package var price: Double
  package var latency: Double
  package var trust: Double
  package var load: Double

  package static let standard = Weights(
    cap: 0.40, price: 0.20, latency: 0.20, trust: 0.15, load: 0.05)

  /// - Precondition: none is negative and their sum is above 0 and finite; `Settings` checks it.
  package init(cap: Double, price: Double, latency: Double, trust: Double, load: Double) {
    self.cap = cap
    self.price = price
    self.latency = latency
    self.trust = trust
    self.load = load
  }

  package var sum: Double { cap + price + latency + trust + load }
}
