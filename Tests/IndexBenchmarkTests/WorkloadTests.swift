import Domain
import IndexBenchmark
import Testing

@Suite("The benchmark's workload") struct WorkloadTests {
  @Test("is the same for the same seed, and another for another")
  func repeatable() {
    for row in [0, 1, 999_999] {
      let miner = MinerPopulation(seed: 5).miner(row)
      let again = MinerPopulation(seed: 5).miner(row)
      #expect(miner.record == again.record)
      #expect(miner.status == again.status)
      #expect(miner.trust == again.trust)
      #expect(miner.record != MinerPopulation(seed: 6).miner(row).record)
    }
    #expect(BenchmarkRequests.mix(500, seed: 5) == BenchmarkRequests.mix(500, seed: 5))
    #expect(BenchmarkRequests.mix(500, seed: 5) != BenchmarkRequests.mix(500, seed: 6))
  }

  @Test("mixes its classes as their percentages say", arguments: RequestClass.allCases)
  func shares(kind: RequestClass) {
    let requests = BenchmarkRequests.mix(10_000, seed: 2)
    #expect(requests.count == 10_000)
    #expect(requests.count { $0.kind == kind } == 100 * kind.percent)
    #expect(RequestClass.allCases.reduce(0) { $0 + $1.percent } == 100)
  }

  @Test("asks in each class what the class is for")
  func requests() {
    for request in BenchmarkRequests.mix(2_000, seed: 3) {
      let query = request.query
      switch request.kind {
      case .typical, .top50:
        #expect(query.region != nil && query.maxPrice != nil)
        #expect((1...2).contains(query.capabilitiesAny.count) && query.minVRAMGB >= 8)
        #expect(query.topK == (request.kind == .top50 ? 50 : 3))
      case .rare: #expect(query.capabilitiesAny.count == 1 && query.region == nil)
      case .broad: #expect(query.region == nil && query.maxPrice == nil)
      case .scarce: #expect(query.capabilitiesAll.count == 2 && query.minVRAMGB == 80)
      }
    }
  }

  @Test("draws miners as it says")
  func miners() {
    let population = MinerPopulation(seed: 4)
    let miners = (0..<20_000).map { population.miner($0) }
    let regions = Dictionary(grouping: miners) { $0.record.profile.region }.mapValues(\.count)
    #expect(regions.count == 8)
    #expect(abs((regions["eu-central"] ?? 0) - 6_000) < 300)
    #expect(abs((regions["af-south"] ?? 0) - 400) < 100)
    #expect(Set(miners.map(\.record.profile.gpuName)).count == 12)
    let capabilities = miners.flatMap(\.capabilities)
    let common = Set(capabilities.filter { $0 < BenchmarkWords.commonCapabilityCount })
    #expect(common.count == 200)
    let rare = capabilities.filter { $0 >= BenchmarkWords.commonCapabilityCount }
    #expect(abs(rare.count - 10_000) < 400)
    #expect(capabilities.allSatisfy { $0 < 20_200 })
    let offline = miners.count { $0.status.expiresAt <= population.start }
    #expect(abs(offline - 400) < 100)
    #expect(miners.allSatisfy { (0...1).contains($0.trust.score) })
    #expect(zip(miners, miners.dropFirst()).allSatisfy { $0.record.id < $1.record.id })
  }
}
