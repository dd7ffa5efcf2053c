import Domain
import Index

/// The moment at which most tests stand.
let noon = Timestamp(milliseconds: 1_700_000_000_000)

func id(_ text: String) -> MinerID { MinerID(text)! }

func tokens(_ text: String) throws -> Price { try Price(decimal: text) }

func record(
  _ name: String, version: Int64 = 1, _ change: (inout MinerProfile) -> Void = { _ in }
) -> MinerRecord {
  var profile = MinerProfile()
  profile.addr = "\(name):9000"
  profile.maxParallel = 4
  profile.price = Price(units: 100_000_000)
  change(&profile)
  return MinerRecord(id: id(name), version: version, profile: profile)
}

/// A sign of life for a minute.
func patch(
  at time: Timestamp = noon, lease: UInt32 = 60_000,
  _ change: (inout StatusPatch) -> Void = { _ in }
) -> StatusPatch {
  var patch = StatusPatch(at: time, leaseMilliseconds: lease)
  change(&patch)
  return patch
}

func trust(_ score: Double, version: Int64 = 1) -> MinerTrust {
  MinerTrust(score: score, good: 0, bad: 0, version: version)
}

func query(_ change: (inout MatchQuery) -> Void = { _ in }) -> MatchQuery {
  var query = MatchQuery(jobID: "job")
  query.topK = 50
  query.explainsFully = true
  change(&query)
  return query
}

extension MinerIndex {
  init() { self.init(weights: .standard) }

  /// Takes in a miner that is online at noon.
  mutating func add(
    _ record: MinerRecord, _ change: (inout StatusPatch) -> Void = { _ in }
  ) {
    upsert(record)
    apply(patch(change), to: record.id)
  }

  mutating func names(_ query: MatchQuery, at now: Timestamp = noon) -> [String] {
    match(query, at: now).candidates.map(\.minerID.text)
  }
}

extension MatchCounts {
  /// What was rejected, without the zeros.
  var reasons: [RejectionReason: Int] {
    var result: [RejectionReason: Int] = [:]
    for reason in RejectionReason.allCases where rejected[reason.rawValue] != 0 {
      result[reason] = rejected[reason.rawValue]
    }
    return result
  }
}
