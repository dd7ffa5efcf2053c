import Admission
import Testing

@Suite("Rate limits") struct RateLimiterTests {
  private static func limiter(_ text: String, keyLimit: Int = 65_536) throws -> RateLimiter {
    RateLimiter(quota: try #require(RateQuota(text)), keyLimit: keyLimit)
  }

  @Test(
    "a rate is read as it is written",
    arguments: [
      ("10/s", 10, 1, 1), ("100/s", 100, 1, 10), ("600/min", 600, 60, 60), ("1/h", 1, 3_600, 1),
      ("10/s burst 50", 10, 1, 50),
    ])
  func quota(text: String, count: Int, window: Int, burst: Int) {
    #expect(RateQuota(text) == RateQuota(count: count, windowSeconds: window, burst: burst))
  }

  @Test(
    "nothing else is a rate",
    arguments: [
      "", "10", "10/", "/s", "10/day", "0/s", "-1/s", "1.5/s", "10/s burst", "10/s burst 0",
      "10/s boost 3", "9999999/s", "10/s burst 3 4",
    ])
  func nonsense(text: String) { #expect(RateQuota(text) == nil) }

  @Test("50 a second against 10 gives 10 ± 1 in every second")
  func rate() throws {
    let limiter = try Self.limiter("10/s")
    for second in 0..<20 {
      let granted = (0..<50).count { request in
        limiter.ask("a", at: Double(second) * 1_000_000 + Double(request) * 20_000).isAllowed
      }
      #expect((9...11).contains(granted), "second \(second): \(granted)")
    }
  }

  @Test("a burst is granted after a rest, and then the rate")
  func burst() throws {
    let limiter = try Self.limiter("10/s burst 5")
    let first = (0..<8).map { _ in limiter.ask("a", at: 0) }
    #expect(first.map(\.isAllowed) == [true, true, true, true, true, false, false, false])
    #expect(first.map(\.remaining) == [4, 3, 2, 1, 0, 0, 0, 0])
    #expect(first[5].waitMicroseconds == 100_000)
    #expect(!limiter.ask("a", at: 99_000).isAllowed)
    #expect(limiter.ask("a", at: 100_000).isAllowed)
    #expect(limiter.ask("b", at: 100_000).isAllowed)
    #expect((0..<8).count { _ in limiter.ask("a", at: 10_000_000).isAllowed } == 5)
  }

  @Test("several at once count as so many, and are refused whole where they don't fit")
  func several() throws {
    let limiter = try Self.limiter("10/s burst 5")
    #expect(limiter.ask("a", at: 0, count: 3).remaining == 2)
    let refused = limiter.ask("a", at: 0, count: 3)
    #expect(!refused.isAllowed && refused.waitMicroseconds == 100_000)
    #expect(limiter.ask("a", at: 0, count: 2).isAllowed)
    #expect(!limiter.ask("a", at: 299_000, count: 3).isAllowed)
    #expect(limiter.ask("a", at: 300_000, count: 3).isAllowed)
    #expect(limiter.unsettled(limit: 5, at: 300_000).map(\.count) == [8])
  }

  @Test("more than the burst are granted after a rest, and keep to the rate all the same")
  func moreThanBurst() throws {
    let limiter = try Self.limiter("10/s burst 5")
    var granted = 0
    for step in 0..<2_000 where limiter.ask("a", at: Double(step) * 10_000, count: 20).isAllowed {
      granted += 20
    }
    // 20 s at 10/s, and the first of them at once.
    #expect((200...220).contains(granted))
  }

  @Test("looking counts nothing, and remembers nobody")
  func looking() throws {
    let limiter = try Self.limiter("1/s")
    for _ in 0..<5 { #expect(limiter.refusal(of: "a", at: 0) == nil) }
    #expect(limiter.keyCount == 0)
    #expect(limiter.ask("a", at: 0).isAllowed)
    #expect(limiter.refusal(of: "a", at: 400_000)?.waitMicroseconds == 600_000)
    #expect(limiter.refusal(of: "b", at: 400_000) == nil)
    #expect(limiter.refusal(of: "a", at: 1_000_000) == nil)
  }

  @Test("it holds so many callers and no more; who asked last is remembered")
  func memory() throws {
    let limiter = try Self.limiter("1/h", keyLimit: 1_000)
    for number in 0..<100_000 {
      _ = limiter.ask("caller-\(number)", at: 0)
      _ = limiter.ask("often", at: 0)
    }
    #expect(limiter.keyCount <= 1_001)
    #expect(limiter.forgottenCount > 90_000)
    #expect(!limiter.ask("often", at: 0).isAllowed)
    #expect(!limiter.ask("caller-99999", at: 0).isAllowed)
    #expect(limiter.unsettled(limit: .max, at: 0).count <= 1_001)
  }

  /// What Redis does, in short.
  private struct Shared {
    var usedUpAt: [String: Double] = [:]

    mutating func settle(_ limiter: RateLimiter, at now: Double) {
      let told = limiter.unsettled(limit: .max, at: now)
      let debts = told.map { spending in
        var at = usedUpAt[spending.key] ?? 0
        if spending.count > 0 {
          at = max(at, now - spending.age) + Double(spending.count) * limiter.quota.interval
        }
        at = max(at, now + spending.debt)
        if spending.count > 0 { usedUpAt[spending.key] = at }
        return at - now
      }
      limiter.settle(told, debts: debts, told: now)
    }
  }

  @Test(
    "over several gateways a limit holds within the stated error, whoever asks where",
    arguments: [2, 3, 8], ["10/s", "10/s burst 20", "1000/s", "1000/s burst 1"])
  func gateways(count: Int, text: String) throws {
    let limiters = try (0..<count).map { _ in try Self.limiter(text) }
    let quota = limiters[0].quota
    var shared = Shared()
    var granted = 0
    let (step, settling, seconds) = (0.000_5, 0.05, 20.0)
    for tick in 0..<Int(seconds / step) {
      let now = Double(tick) * step * 1_000_000
      for (number, limiter) in limiters.enumerated() {
        if limiter.ask("a", at: now).isAllowed { granted += 1 }
        // Each at another time.
        if tick % Int(settling / step) == number * 7 { shared.settle(limiter, at: now) }
      }
    }
    let rate = 1_000_000 / quota.interval
    let error = Double(count - 1) * (Double(quota.burst) + rate * settling + 1)
    let most = rate * seconds + Double(quota.burst) + error
    #expect(Double(granted) <= most, "\(granted) of \(most)")
    #expect(Double(granted) >= 0.95 * rate * seconds, "\(granted)")
  }

  @Test("alone, gateways share the limit out")
  func alone() throws {
    let limiters = try (0..<2).map { _ in try Self.limiter("10/s") }
    for limiter in limiters { limiter.share(among: 2) }
    var granted = 0
    for tick in 0..<10_000 {
      for limiter in limiters where limiter.ask("a", at: Double(tick) * 1_000).isAllowed {
        granted += 1
      }
    }
    #expect((99...102).contains(granted))
  }

  @Test("what couldn't be told is told later, up to a burst and a second's worth")
  func unsettled() throws {
    let limiter = try Self.limiter("10/s burst 4")
    for second in 0..<30 {
      for request in 0..<10 {
        _ = limiter.ask("a", at: Double(second) * 1_000_000 + Double(request) * 100_000)
      }
      let now = Double(second + 1) * 1_000_000
      limiter.unsettle(limiter.unsettled(limit: .max, at: now), told: now)
    }
    let told = limiter.unsettled(limit: .max, at: 30_000_000)
    #expect(told.map(\.count) == [14])
    #expect(told.map(\.age) == [1_000_000])
    #expect(limiter.unsettled(limit: .max, at: 30_000_000) == [])
  }

  @Test("a decision takes less than 5 µs")
  func speed() throws {
    let limiter = try Self.limiter("1000/s")
    let clock = ContinuousClock()
    let times = (0..<20).map { round in
      clock.measure {
        for request in 0..<1_000 {
          _ = limiter.ask("coordinator", at: Double(round * 1_000 + request) * 20)
        }
      } / 1_000
    }
    // The quietest of some: others work on this machine too.
    #expect(try #require(times.min()) < .microseconds(5))
  }
}
