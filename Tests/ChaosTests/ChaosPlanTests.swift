import Testing

@testable import Chaos

@Suite("The plan of faults")
struct ChaosPlanTests {
  private func steps(
    seed: UInt64, gateways: Int = 2, scorers: Int = 4, _ count: Int = 100
  ) -> [ChaosPlan.Step] {
    var plan = ChaosPlan(seed: seed, gateways: gateways, scorers: scorers)
    return (0..<count).map { _ in plan.next() }
  }

  @Test("is the same for the same seed, and another for another")
  func seeded() {
    #expect(steps(seed: 7) == steps(seed: 7))
    #expect(steps(seed: 7) != steps(seed: 8))
  }

  @Test("gives scorers, gateways and stores their turns, and comes to every fault")
  func turns() {
    let steps = steps(seed: 3)
    for start in stride(from: 0, to: 100, by: 4) {
      #expect(Set(steps[start..<start + 4].map(\.fault.victim)).count == 4)
    }
    // The largest family has seven.
    #expect(Set(steps.prefix(4 * 7).map(\.fault)) == Set(Fault.allCases))
  }

  @Test("leaves one scorer and one gateway alive", arguments: [1, 2, 3])
  func survivors(count: Int) {
    let scorers = (1...count).map { "scorer-\($0)" }
    let gateways = (1...count).map { "gateway-\($0)" }
    for step in steps(seed: 5, gateways: count, scorers: count) {
      let victims = Set(step.victims(gateways: gateways, scorers: scorers))
      let isHarmless = step.fault.rawValue.hasPrefix("gateway_cut")
      #expect(isHarmless || !victims.isSuperset(of: scorers))
      #expect(isHarmless || !victims.isSuperset(of: gateways))
    }
  }

  @Test("says whom and which links a step is about")
  func targets() {
    var step = ChaosPlan.Step(
      fault: .scorersKilled, victim: 1, gateway: nil, cut: .silent, calmMilliseconds: 0,
      holdMilliseconds: 700)
    let (gateways, scorers) = (["g1", "g2"], ["s1", "s2", "s3"])
    #expect(step.victims(gateways: gateways, scorers: scorers) == ["s1", "s3"])
    step.fault = .scorerCutFromGateway
    #expect(step.links(gateways: gateways, scorers: scorers).map(\.to) == gateways)
    step.gateway = 1
    #expect(
      step.links(gateways: gateways, scorers: scorers) == [
        ChaosFleet.LinkName(from: "s2", to: "g2")
      ])
    #expect(step.description == "scorer_cut_from_gateway (2), in silence for 700 ms")
  }
}
