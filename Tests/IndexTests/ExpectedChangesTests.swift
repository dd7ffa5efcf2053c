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

  private func profile(_ number: Int) -> MinerProfile {
    var profile = MinerProfile()
    profile.addr = "10.0.0.1:\(number + 1)"
    profile.region = "region-\(number % 3)"
    profile.maxParallel = 2
    profile.price = Price(units: Int64(number * 1_000))
    return profile
  }
}
