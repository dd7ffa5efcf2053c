import Domain
import Index
import TestRandom
import Testing

@Suite struct ScoreTests {
  let plain = ScoreInputs(
    askedCapabilities: 0, offeredCapabilities: 0, price: Price(units: 20_000_000),
    priceScale: .cap(Price(units: 80_000_000)), latencyRank: 0.1, trust: 0.7, taken: 1, slots: 4)

  @Test("each part follows its formula")
  func parts() {
    let parts = Score.parts(plain)
    #expect(parts.cap == 1)
    #expect(parts.price == 0.75)
    #expect(parts.latency == 0.9)
    #expect(parts.trust == 0.7)
    #expect(parts.load == 0.75)
  }

  @Test("the standard weights give a score worked out by hand")
  func total() {
    // 0.40·1 + 0.20·0.75 + 0.20·0.9 + 0.15·0.7 + 0.05·0.75 = 0.8725
    #expect(abs(Score.total(Score.parts(plain), .standard) - 0.8725) < 1e-12)
  }

  @Test("cap is the share of the asked capabilities that is offered", arguments: [0, 1, 2, 3])
  func cap(offered: Int) {
    var inputs = plain
    inputs.askedCapabilities = 3
    inputs.offeredCapabilities = offered
    #expect(Score.parts(inputs).cap == Double(offered) / 3)
  }

  @Test("a free miner under a highest price of 0 has the whole price part")
  func freeMiner() {
    var inputs = plain
    inputs.price = .zero
    inputs.priceScale = .cap(.zero)
    #expect(Score.parts(inputs).price == 1)
  }

  @Test("a price at the cap has no price part, a free one all of it")
  func priceEnds() {
    var inputs = plain
    inputs.price = Price(units: 80_000_000)
    #expect(Score.parts(inputs).price == 0)
    inputs.price = .zero
    #expect(Score.parts(inputs).price == 1)
  }

  @Test("without a cap the price part is one less the rank")
  func pricedByRank() {
    var inputs = plain
    inputs.priceScale = .rank(0.25)
    #expect(Score.parts(inputs).price == 0.75)
  }

  @Test("an unknown latency is worth a half")
  func unknownLatency() {
    var inputs = plain
    inputs.latencyRank = nil
    #expect(Score.parts(inputs).latency == 0.5)
  }

  @Test("weights are divided by their sum")
  func weightsAreNormalised() {
    let parts = ScoreParts(cap: 1, price: 0.5, latency: 0, trust: 1, load: 0.25)
    let weights = Weights(cap: 2, price: 4, latency: 1, trust: 0, load: 1)
    // (2 + 2 + 0 + 0 + 0.25) / 8
    #expect(Score.total(parts, weights) == 0.53125)
  }

  @Test("the best and the worst miner score exactly 1 and 0, whatever the weights")
  func ends() {
    let best = ScoreParts(cap: 1, price: 1, latency: 1, trust: 1, load: 1)
    let worst = ScoreParts(cap: 0, price: 0, latency: 0, trust: 0, load: 0)
    var random = SplitMix64(seed: 1)
    for _ in 0..<1_000 {
      let weights = Weights(
        cap: .random(in: 0...1, using: &random), price: .random(in: 0...10, using: &random),
        latency: .random(in: 0...1, using: &random), trust: .random(in: 0...3, using: &random),
        load: .random(in: 0...1, using: &random))
      #expect(Score.total(best, weights) == 1)
      #expect(Score.total(worst, weights) == 0)
    }
  }
}
