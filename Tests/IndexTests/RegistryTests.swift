import Domain
import Index
import TestRandom
import Testing

@Suite struct RegistryTests {
  let grace: Int64 = 120_000

  func registry(_ kind: IndexKind) -> any TestedRegistry {
    kind.registry(graceMilliseconds: grace)
  }

  /// A registry with one miner, online from noon for a minute.
  func inhabited(_ kind: IndexKind) -> any TestedRegistry {
    var registry = registry(kind)
    registry.apply(.record(record("m")), at: noon)
    registry.apply(.status(id("m"), patch { $0.queueLength = 1 }), at: noon)
    return registry
  }

  func after(_ milliseconds: Int64) -> Timestamp { noon.advanced(byMilliseconds: milliseconds) }

  @Test(
    "a miner is matched while online, considered within its grace, then dormant",
    arguments: IndexKind.allCases)
  func lifeOfAMiner(kind: IndexKind) {
    var registry = inhabited(kind)
    registry.tick(at: noon)
    #expect(registry.match(query(), at: noon).candidates.map(\.minerID.text) == ["m"])
    #expect(registry.statistics.online == 1)
    #expect(registry.statistics.onlineByRegion == ["": 1])

    let end = after(60_000 + grace)
    registry.tick(at: end)
    #expect(registry.match(query(), at: end).counts?.reasons == [.offline: 1])
    #expect(registry.statistics.online == 0)
    #expect(registry.statistics.live == 1)

    registry.tick(at: end.advanced(byMilliseconds: 1))
    #expect(registry.match(query(), at: end).counts?.considered == 0)
    #expect(registry.statistics.live == 0)
    #expect(registry.statistics.known == 1)
  }

  @Test(
    "a dormant miner comes back with its next sign of life, as it was and as it became",
    arguments: IndexKind.allCases)
  func comesBack(kind: IndexKind) {
    var registry = inhabited(kind)
    registry.apply(.trust(id("m"), trust(0.6, version: 1)), at: noon)
    let late = after(1_000_000)
    registry.tick(at: late)
    #expect(registry.statistics.live == 0)
    registry.apply(.trust(id("m"), trust(0.9, version: 3)), at: late)
    registry.apply(.trust(id("m"), trust(0.1, version: 2)), at: late)
    registry.apply(.record(record("m", version: 3) { $0.addr = "new" }), at: late)
    registry.apply(.record(record("m", version: 2) { $0.addr = "old" }), at: late)
    #expect(registry.statistics.live == 0)
    registry.apply(.status(id("m"), patch(at: late)), at: late)
    let found = registry.match(query(), at: late).candidates
    #expect(found.map(\.addr) == ["new"])
    #expect(found.map(\.trust) == [0.9])
    #expect(found.map(\.parts.load) == [0.75])
    #expect(registry.statistics.known == 1)
  }

  @Test(
    "a sign of life from longer ago than a grace wakes nobody, one within it does",
    arguments: IndexKind.allCases)
  func staleSigns(kind: IndexKind) {
    var registry = registry(kind)
    registry.apply(.record(record("m")), at: noon)
    #expect(registry.statistics.live == 0)
    registry.apply(.status(id("m"), patch(at: after(-60_001 - grace))), at: noon)
    #expect(registry.statistics.live == 0)
    registry.apply(.status(id("m"), patch(at: after(-60_000 - grace))), at: noon)
    #expect(registry.statistics.live == 1)
    #expect(registry.match(query(), at: noon).counts?.reasons == [.offline: 1])
  }

  @Test("what comes before the record waits for it", arguments: IndexKind.allCases)
  func early(kind: IndexKind) {
    var registry = registry(kind)
    registry.apply(.status(id("m"), patch { $0.queueLength = 2 }), at: noon)
    registry.apply(.status(id("m"), patch(at: after(1)) { $0.busy = false }), at: noon)
    registry.apply(.trust(id("m"), trust(0.8, version: 2)), at: noon)
    registry.apply(.trust(id("m"), trust(0.3, version: 1)), at: noon)
    #expect(registry.statistics.pending == 1)
    #expect(registry.statistics.known == 0)
    registry.apply(.record(record("m")), at: noon)
    let found = registry.match(query(), at: noon).candidates
    #expect(found.map(\.trust) == [0.8])
    #expect(found.map(\.parts.load) == [0.5])
    #expect(registry.statistics.pending == 0)
  }

  @Test("what waits for records is bounded", arguments: IndexKind.allCases)
  func bounded(kind: IndexKind) {
    var registry = registry(kind)
    for number in 0..<RegistryLimits.pendingCount + 10 {
      registry.apply(.trust(id("m\(number)"), trust(0.8)), at: noon)
    }
    #expect(registry.statistics.pending == RegistryLimits.pendingCount)
  }

  @Test("every change may come twice and in any order", arguments: IndexKind.allCases)
  func anyOrder(kind: IndexKind) {
    let changes: [Change] = [
      .record(record("m", version: 1) { $0.tags = ["one"] }),
      .record(record("m", version: 2) { $0.tags = ["two"] }),
      .trust(id("m"), trust(0.1, version: 1)),
      .trust(id("m"), trust(0.9, version: 2)),
      .status(id("m"), patch(at: after(1)) { $0.queueLength = 3 }),
      .status(id("m"), patch(at: after(2)) { $0.queueLength = 1 }),
      .revoked(id("m"), notBefore: noon),
      .connected(id("m"), gateway: "g", at: noon),
    ]
    var random = SplitMix64(seed: 3)
    var answers: [MatchAnswer] = []
    for _ in 0..<200 {
      var registry = registry(kind)
      for change in (changes + changes).shuffled(using: &random) {
        registry.apply(change, at: noon)
      }
      answers.append(registry.match(query { $0.tagsAny = ["two"] }, at: noon))
    }
    #expect(answers.allSatisfy { $0 == answers[0] })
    #expect(answers[0].candidates.map(\.trust) == [0.9])
    #expect(answers[0].candidates.map(\.parts.load) == [0.75])
  }

  @Test("leaving is bounded a tick, and everybody leaves in the end", arguments: IndexKind.allCases)
  func sweeping(kind: IndexKind) {
    var registry = registry(kind)
    let count = RegistryLimits.leaversPerTick + 5
    for number in 0..<count {
      registry.apply(.record(record("m\(number)")), at: noon)
      registry.apply(.status(id("m\(number)"), patch()), at: noon)
    }
    let late = after(1_000_000)
    registry.tick(at: late)
    #expect(registry.statistics.live == 5)
    registry.tick(at: late)
    #expect(registry.statistics.live == 0)
    #expect(registry.statistics.known == count)
  }

  @Test("a stopped lease clock keeps miners online and in the index", arguments: IndexKind.allCases)
  func stoppedLeases(kind: IndexKind) {
    var registry = inhabited(kind)
    let late = after(1_000_000)
    registry.tick(at: late, leaseTime: noon)
    #expect(registry.match(query(), at: late, leaseTime: noon).candidates.count == 1)
    #expect(registry.statistics.online == 1)
  }
}

@Suite struct LeaseClockTests {
  func at(_ milliseconds: Int64) -> Timestamp { noon.advanced(byMilliseconds: milliseconds) }

  @Test("while the stream is in reach the lease time is the clock's")
  func reachable() {
    var clock = LeaseClock(trustMilliseconds: 300_000)
    clock.streamReachable(at: at(0))
    #expect(clock.leaseTime(at: at(5)) == at(5))
  }

  @Test("out of reach it stands still, but falls no further behind than is trusted")
  func unreachable() {
    var clock = LeaseClock(trustMilliseconds: 300_000)
    clock.streamUnreachable(at: at(0))
    clock.streamUnreachable(at: at(7_000))
    #expect(clock.leaseTime(at: at(1)) == at(0))
    #expect(clock.leaseTime(at: at(300_000)) == at(0))
    #expect(clock.leaseTime(at: at(300_001)) == at(1))
  }

  @Test("in reach again it stands still for a grace, then is the clock's")
  func resuming() {
    var clock = LeaseClock(trustMilliseconds: 300_000)
    clock.streamUnreachable(at: at(0))
    clock.streamReachable(at: at(10_000))
    clock.streamReachable(at: at(11_000))
    #expect(clock.leaseTime(at: at(11_999)) == at(0))
    #expect(clock.leaseTime(at: at(12_000)) == at(12_000))
  }

  @Test("after an outage longer than is trusted it stands still where it had come to")
  func longOutage() {
    var clock = LeaseClock(trustMilliseconds: 5_000, resumeGraceMilliseconds: 1_000)
    clock.streamUnreachable(at: at(0))
    clock.streamReachable(at: at(20_000))
    #expect(clock.leaseTime(at: at(20_999)) == at(15_000))
    #expect(clock.leaseTime(at: at(21_000)) == at(21_000))
  }

  @Test("lost again within the grace it goes on standing where it stood")
  func flapping() {
    var clock = LeaseClock(trustMilliseconds: 300_000)
    clock.streamUnreachable(at: at(0))
    clock.streamReachable(at: at(10_000))
    clock.streamUnreachable(at: at(11_000))
    #expect(clock.leaseTime(at: at(50_000)) == at(0))
    clock.streamReachable(at: at(60_000))
    #expect(clock.leaseTime(at: at(62_000)) == at(62_000))
  }

  @Test("it never goes back while the clock goes forward, and never ahead of it")
  func neverBack() {
    var random = SplitMix64(seed: 4)
    var clock = LeaseClock(trustMilliseconds: 5_000)
    var now: Int64 = 0
    var last = at(0)
    for _ in 0..<20_000 {
      now += Int64(random.below(900))
      if random.chance(10) { clock.streamUnreachable(at: at(now)) }
      if random.chance(10) { clock.streamReachable(at: at(now)) }
      let time = clock.leaseTime(at: at(now))
      #expect(time >= last && time <= at(now))
      last = time
    }
  }
}
