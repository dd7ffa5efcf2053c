import Domain
import Glibc
import Simulation

/// A request and the kind that it is of.
package struct ClassedRequest: Equatable, Sendable {
  package var kind: RequestClass
  package var query: MatchQuery
}

/// The requests of the benchmark, drawn from a seed.
package struct BenchmarkRequests: Sendable {
  private var random: SeededRandom

  package init(seed: UInt64) { random = SeededRandom(seed: seed, index: -1) }

  /// `count` requests in an order without pattern; of each class as many as its percentage says.
  package static func mix(_ count: Int, seed: UInt64) -> [ClassedRequest] {
    var requests = BenchmarkRequests(seed: seed)
    var kinds = RequestClass.allCases.flatMap { kind in
      [RequestClass](repeating: kind, count: count * kind.percent / 100)
    }
    while kinds.count < count { kinds.append(.typical) }
    kinds.shuffle(using: &requests.random)
    return kinds.map { requests.next($0) }
  }

  package mutating func next(_ kind: RequestClass) -> ClassedRequest {
    var query = MatchQuery(jobID: "bench")
    query.topK = 3
    switch kind {
    case .typical: typical(&query)
    case .top50:
      typical(&query)
      query.topK = 50
    case .rare:
      let number = BenchmarkWords.rareChoice.pick(&random)
      query.capabilitiesAny = [
        BenchmarkWords.capabilities[BenchmarkWords.commonCapabilityCount + number]
      ]
      if random.chance(0.5) { query.maxPrice = price(median: 0.5) }
    case .broad:
      if random.chance(0.5) { query.capabilitiesAny = common(1) }
      query.minVRAMGB = [0, 8, 16][below(3)]
    case .scarce: scarce(&query)
    }
    return ClassedRequest(kind: kind, query: query)
  }

  private mutating func typical(_ query: inout MatchQuery) {
    query.region = region()
    query.capabilitiesAny = common(1 + below(2))
    query.minVRAMGB = [8, 12, 16, 24][below(4)]
    query.maxPrice = price(median: 0.5)
  }

  private mutating func scarce(_ query: inout MatchQuery) {
    query.region = region()
    query.capabilitiesAll = [
      BenchmarkWords.capabilities[below(20)], BenchmarkWords.capabilities[20 + below(40)],
    ]
    query.minVRAMGB = 80
    // A hundredth of a token is less than anybody with so much VRAM asks.
    query.maxPrice = random.chance(0.2) ? Price(units: 1_000_000) : price(median: 2)
  }

  private mutating func region() -> String {
    BenchmarkWords.regions[BenchmarkWords.regionChoice.pick(&random)].name
  }

  private mutating func common(_ count: Int) -> [String] {
    var numbers: [Int] = []
    while numbers.count < count {
      let number = BenchmarkWords.commonChoice.pick(&random)
      if !numbers.contains(number) { numbers.append(number) }
    }
    return numbers.map { BenchmarkWords.capabilities[$0] }
  }

  private mutating func price(median: Double) -> Price {
    Price(units: Int64(min(20, random.logNormal(median: median, spread: 0.5)) * 1e8))
  }

  private mutating func below(_ bound: Int) -> Int { Int.random(in: 0..<bound, using: &random) }
}
