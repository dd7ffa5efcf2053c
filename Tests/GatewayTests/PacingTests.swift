import Domain
import GatewayPolicy
import Testing

@Suite("The pace of heartbeats")
struct PacingTests {
  static func pace(
    lease: Int = 60, online: Int, gateways: Int = 1, rate: Int = 20_000
  ) -> HeartbeatPacing {
    HeartbeatPacing(
      leaseSeconds: lease, onlineMiners: online, gateways: gateways, heartbeatsPerSecond: rate)
  }

  @Test("a small fleet speaks three times a lease", arguments: [0, 1, 10_000, 400_000])
  func small(online: Int) {
    let pace = Self.pace(online: online)
    #expect(pace.nextSeconds == 20)
    #expect(pace.leaseSeconds == 60)
    #expect(pace.leaseMilliseconds == 60_000)
  }

  @Test(
    "a large fleet speaks as seldom as its gateways need, and its leases grow",
    arguments: [
      (800_000, 1, 40), (1_200_000, 1, 60), (1_200_000, 3, 20), (2_400_000, 3, 40),
      (500_000, 0, 25),
    ] as [(Int, Int, Double)])
  func large(online: Int, gateways: Int, next: Double) {
    let pace = Self.pace(online: online, gateways: gateways)
    #expect(pace.nextSeconds == next)
    #expect(pace.leaseSeconds == max(60, 3 * next))
  }

  @Test(
    "three heartbeats always fit in a lease, and a bigger fleet never speaks more", arguments: 0..<4
  )
  func invariants(seed: UInt64) {
    var random = RequestRandom(seed: seed)
    for _ in 0..<2_000 {
      let lease = Int.random(in: 1...86_400, using: &random)
      let online = Int.random(in: 0...10_000_000, using: &random)
      let rate = Int.random(in: 1...100_000, using: &random)
      let gateways = Int.random(in: 1...20, using: &random)
      let pace = Self.pace(lease: lease, online: online, gateways: gateways, rate: rate)
      #expect(pace.nextSeconds > 0)
      #expect(pace.leaseSeconds >= 3 * pace.nextSeconds)
      #expect(pace.leaseSeconds >= Double(lease))
      // Told in milliseconds it is still no less, as far as a lease of 32 bits reaches.
      let nextMilliseconds = (pace.nextSeconds * 1_000).rounded()
      #expect(Double(pace.leaseMilliseconds) >= min(3 * nextMilliseconds, 4_000_000_000))
      // No more than a millisecond a miner above what the gateways bear.
      let bearable = Double(online) / (Double(rate) * Double(gateways))
      #expect(pace.nextSeconds >= bearable - 0.001)
      let larger = Self.pace(lease: lease, online: online * 2, gateways: gateways, rate: rate)
      #expect(larger.nextSeconds >= pace.nextSeconds)
    }
  }

  @Test("the shortest lease still has its pace, and the longest fits its field")
  func extremes() {
    #expect(Self.pace(lease: 1, online: 0).nextSeconds == 0.333)
    #expect(Self.pace(lease: 1, online: 0).leaseMilliseconds == 1_000)
    #expect(Self.pace(online: .max, rate: 1).leaseMilliseconds == 4_000_000_000)
  }
}

@Suite("Telling miners different times")
struct PacingSpreadTests {
  @Test("a small fleet is told one time")
  func small() {
    #expect(PacingTests.pace(online: 400_000).spread(over: 64) == [20])
  }

  @Test(
    "a slowed fleet's times differ around the pace, within the lease",
    arguments: [410_000, 2_000_000])
  func large(online: Int) {
    let pace = PacingTests.pace(online: online)
    let times = pace.spread(over: 64)
    #expect(times.count == 64 && Set(times).count > 30)
    for time in times {
      #expect(time >= 20)
      #expect(abs(time - pace.nextSeconds) <= pace.nextSeconds * 0.05)
      #expect(2.8 * time < pace.leaseSeconds)
    }
  }

  @Test("who asks by HTTP is told one of those times, too")
  func one() {
    #expect(PacingTests.pace(online: 400_000).toldSeconds(unit: 0.9) == 20)
    let pace = PacingTests.pace(online: 2_000_000)
    #expect(pace.nextSeconds == 100)
    #expect(pace.toldSeconds(unit: 0) == 95)
    #expect(pace.toldSeconds(unit: 0.5) == 100)
    #expect(abs(pace.toldSeconds(unit: 0.99) - 104.9) < 0.002)
    // Never less than a small fleet's.
    #expect(PacingTests.pace(online: 410_000).toldSeconds(unit: 0) == 20)
  }
}
