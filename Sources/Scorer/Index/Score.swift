import Domain

/// What the score of one eligible miner for one request is made of.
package struct ScoreInputs: Equatable, Sendable {
  /// What a price is measured against.
  package enum PriceScale: Equatable, Sendable {
    /// The request's highest price.
    case cap(Price)
    /// No highest price: the percentile rank of the price in the miner's region, in [0, 1].
    case rank(Double)
  }

  /// How many capabilities the request would take, any of them.
  package var askedCapabilities: Int
  /// How many of those the miner offers.
  package var offeredCapabilities: Int
  package var price: Price
  package var priceScale: PriceScale
  /// The percentile rank of the miner's average latency in its region; nil when unknown.
  package var latencyRank: Double?
  /// In [0, 1].
  package var trust: Double
  /// Jobs queued and slots reserved.
  package var taken: Int
  package var slots: Int

  package init(
    askedCapabilities: Int, offeredCapabilities: Int, price: Price, priceScale: PriceScale,
    latencyRank: Double?, trust: Double, taken: Int, slots: Int
  ) {
    self.askedCapabilities = askedCapabilities
    self.offeredCapabilities = offeredCapabilities
    self.price = price
    self.priceScale = priceScale
    self.latencyRank = latencyRank
    self.trust = trust
    self.taken = taken
    self.slots = slots
  }
}

/// The one scoring function. Whatever prunes, caches or vectorises must agree with it to the bit.
package enum Score {
  /// The latency part of a miner whose latency nobody knows.
  package static let unknownLatency = 0.5

  /// The parts of the score, each in [0, 1] for a miner that passed the filters.
  package static func parts(_ inputs: ScoreInputs) -> ScoreParts {
    ScoreParts(
      cap: inputs.askedCapabilities == 0
        ? 1 : Double(inputs.offeredCapabilities) / Double(inputs.askedCapabilities),
      price: pricePart(inputs.price, inputs.priceScale),
      latency: inputs.latencyRank.map { 1 - $0 } ?? unknownLatency,
      trust: inputs.trust,
      load: 1 - Double(inputs.taken) / Double(inputs.slots))
  }

  /// Σ weight × part / Σ weight, added up in the order in which `Weights.sum` adds, so that no
  /// rounding lifts it above 1.
  package static func total(_ parts: ScoreParts, _ weights: Weights) -> Double {
    let sum =
      weights.cap * parts.cap + weights.price * parts.price + weights.latency * parts.latency
      + weights.trust * parts.trust + weights.load * parts.load
    return sum / weights.sum
  }

  private static func pricePart(_ price: Price, _ scale: ScoreInputs.PriceScale) -> Double {
    switch scale {
    case .rank(let rank): 1 - rank
    // Only a free miner passes a highest price of 0.
    case .cap(.zero): 1
    case .cap(let highest): 1 - Double(price.units) / Double(highest.units)
    }
  }
}
