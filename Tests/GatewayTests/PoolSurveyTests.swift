import Domain
import GatewayPolicy
import Testing

@Suite("The survey of the pool") struct PoolSurveyTests {
  private func price(_ units: Int64) -> Price { Price(units: units) }

  @Test("GPUs are counted by name, the commonest first, with percentiles of what is asked for them")
  func byName() {
    var survey = PoolSurvey()
    for units in 1...10 {
      survey.add(gpuName: "a", gpuCount: 2, price: price(Int64(11 - units)))
    }
    survey.add(gpuName: "c", gpuCount: 1, price: price(7))
    survey.add(gpuName: "b", gpuCount: 0, price: price(5))
    #expect(survey.minerCount == 12)
    #expect(
      survey.gpus == [
        PoolSurvey.GPU(
          name: "a", miners: 10, gpus: 20, price10: price(1), price50: price(5), price90: price(9)),
        PoolSurvey.GPU(
          name: "b", miners: 1, gpus: 0, price10: price(5), price50: price(5), price90: price(5)),
        PoolSurvey.GPU(
          name: "c", miners: 1, gpus: 1, price10: price(7), price50: price(7), price90: price(7)),
      ])
  }

  @Test("What is rare goes together, whatever names miners make up")
  func other() throws {
    var survey = PoolSurvey()
    for number in 0..<1_000 {
      survey.add(gpuName: "made up \(number)", gpuCount: 1, price: price(Int64(number)))
      survey.add(gpuName: "common", gpuCount: 1, price: price(1))
    }
    let gpus = survey.gpus
    #expect(gpus.count == PoolSurvey.gpuLimit + 1)
    #expect(gpus.first?.name == "common")
    let other = try #require(gpus.last)
    #expect(other.name == PoolSurvey.otherName)
    #expect(gpus.map(\.miners).reduce(0, +) == survey.minerCount)
  }

  @Test("Nobody online")
  func empty() { #expect(PoolSurvey().gpus == []) }
}
