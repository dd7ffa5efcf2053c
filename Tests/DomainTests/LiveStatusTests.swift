import Domain
import TestRandom
import Testing

@Suite("Live status")
struct LiveStatusTests {
  @Test("of two patches each field has the later one's value, where it has one", arguments: 0..<4)
  func merge(seed: UInt64) {
    var random = SplitMix64(seed: seed)
    for _ in 0..<500 {
      let older = Self.patch(at: Int64(random.below(1_000)), &random)
      let newer = Self.patch(at: 1_000 + Int64(random.below(1_000)), &random)
      let expected = Self.plainMerge(older, newer)
      #expect(older.merged(with: newer) == expected)
      #expect(newer.merged(with: older) == expected, "the order of arrival doesn't matter")
    }
  }

  @Test(
    "in whatever order patches meet, time and lease are the newest's and no field gets lost",
    arguments: 0..<4)
  func anyOrder(seed: UInt64) {
    var random = SplitMix64(seed: seed)
    for _ in 0..<100 {
      let patches = (0..<6).map { Self.patch(at: Int64($0), &random) }
      let inOrder = patches.dropFirst().reduce(patches[0]) { $0.merged(with: $1) }
      let shuffled = (patches + patches.prefix(2)).shuffled(using: &random)
      let anyhow = shuffled.dropFirst().reduce(shuffled[0]) { $0.merged(with: $1) }
      // Which of two older values fills a gap of the newest hangs on who met it first; the next
      // heartbeat settles that.
      #expect(anyhow.at == inOrder.at)
      #expect(anyhow.leaseMilliseconds == inOrder.leaseMilliseconds)
      #expect(anyhow.queueLength == nil || patches.map(\.queueLength).contains(anyhow.queueLength))
      #expect((anyhow.queueLength == nil) == (inOrder.queueLength == nil))
    }
  }

  @Test("a renewal changes the lease and nothing else")
  func renewal() {
    var said = StatusPatch(at: Timestamp(milliseconds: 1), leaseMilliseconds: 60_000)
    said.queueLength = 3
    said.busy = true
    said.state = .draining
    let renewal = StatusPatch(at: Timestamp(milliseconds: 2), leaseMilliseconds: 30_000)
    var expected = said
    expected.at = renewal.at
    expected.leaseMilliseconds = 30_000
    #expect(said.merged(with: renewal) == expected)
  }

  @Test("of two patches of one moment the one merged in wins")
  func tie() {
    var first = StatusPatch(at: Timestamp(milliseconds: 5), leaseMilliseconds: 1)
    first.queueLength = 1
    var second = StatusPatch(at: Timestamp(milliseconds: 5), leaseMilliseconds: 2)
    second.queueLength = 2
    #expect(first.merged(with: second).queueLength == 2)
    #expect(first.merged(with: second).leaseMilliseconds == 2)
  }

  @Test("a lease ends its length after the sign of life, and never overflows")
  func expiry() {
    let patch = StatusPatch(at: Timestamp(milliseconds: 1_000), leaseMilliseconds: 60_000)
    #expect(patch.expiresAt == Timestamp(milliseconds: 61_000))
    let far = StatusPatch(at: Timestamp(milliseconds: .max), leaseMilliseconds: .max)
    #expect(far.expiresAt == Timestamp(milliseconds: .max))
    let logout = StatusPatch(at: Timestamp(milliseconds: 7), leaseMilliseconds: 0)
    #expect(logout.expiresAt == logout.at)
  }

  private static func plainMerge(_ older: StatusPatch, _ newer: StatusPatch) -> StatusPatch {
    var result = StatusPatch(at: newer.at, leaseMilliseconds: newer.leaseMilliseconds)
    result.queueLength = newer.queueLength == nil ? older.queueLength : newer.queueLength
    result.busy = newer.busy == nil ? older.busy : newer.busy
    result.state = newer.state == nil ? older.state : newer.state
    result.avgLatencyMilliseconds =
      newer.avgLatencyMilliseconds == nil
      ? older.avgLatencyMilliseconds : newer.avgLatencyMilliseconds
    result.temperatureCelsius =
      newer.temperatureCelsius == nil ? older.temperatureCelsius : newer.temperatureCelsius
    result.memFreeGB = newer.memFreeGB == nil ? older.memFreeGB : newer.memFreeGB
    result.gpuUtilization =
      newer.gpuUtilization == nil ? older.gpuUtilization : newer.gpuUtilization
    return result
  }

  private static func patch(at moment: Int64, _ random: inout SplitMix64) -> StatusPatch {
    var patch = StatusPatch(
      at: Timestamp(milliseconds: moment), leaseMilliseconds: UInt32(random.below(100_000)))
    if random.chance(50) { patch.queueLength = UInt32(random.below(10)) }
    if random.chance(50) { patch.busy = random.chance(50) }
    if random.chance(50) { patch.state = random.pick(MinerState.allCases) }
    if random.chance(50) { patch.avgLatencyMilliseconds = Double(random.below(500)) }
    if random.chance(50) { patch.temperatureCelsius = Float(random.below(90)) }
    if random.chance(50) { patch.memFreeGB = Float(random.below(80)) }
    if random.chance(50) { patch.gpuUtilization = Float(random.below(101)) }
    return patch
  }
}
