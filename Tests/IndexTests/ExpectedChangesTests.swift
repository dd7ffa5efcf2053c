import Domain
import Index
import TestRandom
import Testing

struct ExpectedChangesTests {
  @Test("saying what comes changes no answer, whoever it names", arguments: [1, 63, 1_000])
  func expecting(count: Int) throws {
    var told = BlockIndex(weights: .standard)
    var untold = BlockIndex(weights: .standard)
    let now = Timestamp(milliseconds: 1_000_000)
    var changes: [Change] = []
    for number in 0..<count {
      let id = try #require(MinerID("miner-\(number)"))
      let record = MinerRecord(id: id, version: 1, profile: profile(number))
      told.upsert(record)
      untold.upsert(record)
      var patch = StatusPatch(at: now, leaseMilliseconds: 60_000)
      patch.queueLength = UInt32(number % 3)
      changes.append(.status(id, patch))
      changes.append(.trust(id, MinerTrust(score: 0.25, good: 0, bad: 4, version: 2)))
    }
    let stranger = try #require(MinerID("stranger"))
    changes.append(.status(stranger, StatusPatch(at: now, leaseMilliseconds: 1)))
    told.expect(changes[...])
    for change in changes {
      guard case .status(let id, let patch) = change else { continue }
      told.apply(patch, to: id)
      untold.apply(patch, to: id)
    }
    told.refresh(at: now)
    untold.refresh(at: now)
    var query = MatchQuery(jobID: "job")
    query.topK = 50
    #expect(told.match(query, at: now) == untold.match(query, at: now))
  }

  @Test("what was said and comes in another order, or for who has left, finds whom it names")
  func expectingWrongly() throws {
    var told = BlockIndex(weights: .standard)
    var untold = BlockIndex(weights: .standard)
    let now = Timestamp(milliseconds: 1_000_000)
    let ids = try (0..<300).map { try #require(MinerID("miner-\($0)")) }
    for (number, id) in ids.enumerated() where number < 200 {
      let record = MinerRecord(id: id, version: 1, profile: profile(number))
      told.upsert(record)
      untold.upsert(record)
    }
    var random = SplitMix64(seed: 7)
    for round in 0..<50 {
      let changes = (0..<64).map { _ in change(round, ids, &random) }
      told.expect(changes[...])
      // Some leave, and others come, who take their places.
      for _ in 0..<10 {
        let number = random.below(ids.count)
        #expect(told.remove(ids[number]) == untold.remove(ids[number]))
        let other = random.below(ids.count)
        let record = MinerRecord(id: ids[other], version: Int64(round + 2), profile: profile(other))
        told.upsert(record)
        untold.upsert(record)
      }
      var places = Array(changes.indices)
      if round % 2 == 1 { places.swapAt(random.below(places.count), random.below(places.count)) }
      if round % 4 == 2 { places.shuffle(using: &random) }
      for place in places { #expect(told.take(changes[place]) == untold.take(changes[place])) }
      told.refresh(at: now)
      untold.refresh(at: now)
      var query = MatchQuery(jobID: "job")
      query.topK = 50
      query.explainsFully = true
      #expect(told.match(query, at: now) == untold.match(query, at: now))
    }
  }

  private func change(_ round: Int, _ ids: [MinerID], _ random: inout SplitMix64) -> Change {
    let number = random.below(ids.count)
    switch random.below(8) {
    case 0:
      return .record(
        MinerRecord(id: ids[number], version: Int64(round + 2), profile: profile(number + round)))
    case 1:
      let score = Double(random.below(100)) / 100
      return .trust(ids[number], MinerTrust(score: score, good: 1, bad: 1, version: Int64(round)))
    default:
      var patch = StatusPatch(
        at: Timestamp(milliseconds: 1_000_000), leaseMilliseconds: 60_000)
      patch.queueLength = UInt32(random.below(2))
      patch.avgLatencyMilliseconds = Double(random.below(500))
      return .status(ids[number], patch)
    }
  }

  private func profile(_ number: Int) -> MinerProfile {
    var profile = MinerProfile()
    profile.addr = "10.0.0.1:\(number + 1)"
    profile.region = "region-\(number % 3)"
    profile.maxParallel = 2
    profile.price = Price(units: Int64(number * 1_000))
    return profile
  }
}

extension BlockIndex {
  /// - Returns: whether its miner was held.
  fileprivate mutating func take(_ change: Change) -> Bool {
    switch change {
    case .record(let record):
      let isHeld = contains(record.id)
      upsert(record)
      return isHeld
    case .trust(let id, let trust): return apply(trust, to: id)
    case .status(let id, let patch): return apply(patch, to: id)
    case .revoked, .connected: return false
    }
  }
}
