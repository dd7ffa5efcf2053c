import Domain
import Index
import Spread
import Testing
import TestRandom

/// Miners with a few free slots each, and requests for them.
private struct SpreadWorld {
  var random: SplitMix64
  var now = noon
  private(set) var miners: [MinerID: (profile: MinerProfile, queue: UInt32)] = [:]

  init(seed: UInt64) { random = SplitMix64(seed: seed) }

  mutating func record(_ number: Int) -> (record: MinerRecord, patch: StatusPatch) {
    let id = MinerID("m\(number)")!
    var profile = MinerProfile()
    profile.region = random.pick(["eu", "us"])
    profile.gpuVRAMGB = random.pick([8, 24])
    profile.maxParallel = 1 + random.below(4)
    profile.price = Price(units: Int64(1 + random.below(20)) * 1_000_000)
    profile.capabilities = random.some(["a", "b", "c"], upTo: 3)
    var record = MinerRecord(id: id, version: 1, profile: profile)
    if random.chance(50) {
      record.services = [
        EnabledService(
          type: "whisper", price: nil, maxConcurrent: 1 + random.below(2), capabilities: [])
      ]
    }
    var patch = StatusPatch(at: now, leaseMilliseconds: 3_600_000)
    patch.queueLength = UInt32(random.below(3))
    patch.avgLatencyMilliseconds = Double(random.below(1_000))
    return (record, patch)
  }

  mutating func request() -> MatchQuery {
    var query = MatchQuery(jobID: "job")
    if random.chance(40) { query.region = random.pick(["eu", "us"]) }
    if random.chance(30) { query.minVRAMGB = 24 }
    if random.chance(40) { query.capabilitiesAny = random.some(["a", "b", "c"], upTo: 2) }
    if random.chance(25) { query.service = "whisper" }
    if random.chance(30) { query.maxPrice = Price(units: 15_000_000) }
    if random.chance(20) { query.exclude = [MinerID("m\(random.below(60))")!] }
    query.topK = random.chance(70) ? 1 + random.below(3) : 10
    query.explainsFully = random.chance(20)
    query.isSpread = random.chance(80)
    return query
  }
}

private let noon = Timestamp(milliseconds: 1_700_000_000_000)

/// What spreading promises, in the plainest words: one request after another is answered by an index that knows
/// nothing of it, leaving out whoever has no free slot left of those that were there at first.
private struct PlainSpread {
  private var index = ScanIndex(weights: .standard)
  private var records: [MinerID: MinerRecord] = [:]
  private var queues: [MinerID: Int] = [:]
  /// With the time at which each stops counting.
  private var offers: [(id: MinerID, end: Int64)] = []
  let lifetime: Int64

  init(lifetime: Int64) { self.lifetime = lifetime }

  mutating func take(_ record: MinerRecord, _ patch: StatusPatch) {
    index.upsert(record)
    index.apply(patch, to: record.id)
    records[record.id] = record
    queues[record.id] = Int(patch.queueLength ?? 0)
  }

  func free(_ id: MinerID, for service: String?) -> Int {
    let record = records[id]!
    let offer = record.services.first { $0.type == service }
    let slots = min(record.profile.maxParallel, offer?.maxConcurrent ?? .max)
    return slots - queues[id]!
  }

  func offered(_ id: MinerID) -> Int { offers.count { $0.id == id } }

  mutating func answer(_ query: MatchQuery, at now: Int64) -> [Candidate] {
    offers.removeAll { $0.end <= now }
    var asked = query
    asked.isSpread = false
    asked.explainsFully = false
    if query.isSpread {
      asked.exclude += records.keys.filter { offered($0) >= free($0, for: query.service) }
    }
    let candidates = index.match(asked, at: noon).candidates
    if query.isSpread { offers += candidates.map { ($0.minerID, now + lifetime) } }
    return candidates
  }
}

@Suite struct SpreadOracleTests {
  @Test("answers what free slots counted down by hand answer", arguments: 0..<24 as Range<UInt64>)
  func againstPlain(seed: UInt64) throws {
    var world = SpreadWorld(seed: seed)
    let lifetime = [0, 50, 400][Int(seed) % 3]
    var registry = Registry<AuditedIndex<BlockIndex>>(
      weights: .standard, graceMilliseconds: 60_000)
    var offers = RecentOffers(lifetimeMilliseconds: lifetime)
    var plain = PlainSpread(lifetime: Int64(lifetime) * 1_000)
    for number in 0..<60 {
      let (record, patch) = world.record(number)
      registry.apply([.record(record), .status(record.id, patch)], at: noon)
      plain.take(record, patch)
    }
    var now: Int64 = 1_000_000
    var fullCount = 0
    for step in 0..<300 {
      now += Int64(world.random.below(40_000))
      let query = world.request()
      offers.settle(in: &registry, now: now)
      let answer = registry.match(query, at: noon, leaseTime: noon)
      if query.isSpread { offers.note(answer.candidates, in: &registry, now: now) }
      let expected = plain.answer(query, at: now)
      try #require(answer.candidates == expected, "seed \(seed), step \(step): \(query)")
      if query.isSpread {
        for candidate in answer.candidates {
          let id = candidate.minerID
          #expect(plain.offered(id) <= plain.free(id, for: query.service))
        }
      }
      if let counts = answer.counts {
        #expect(counts.considered == counts.eligible + counts.rejected.reduce(0, +))
        fullCount += counts.rejected[RejectionReason.full.rawValue]
      }
    }
    #expect(registry.audit?.differences == 0)
    #expect(fullCount > 0)
  }
}
