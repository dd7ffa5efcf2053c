import Domain
import Index

/// The contract in the plainest words: a list of miners, every one looked at, everything sorted.
/// Slow, and with nothing in it that could be wrong in the same way as the index.
struct NaiveIndex: MinerIndex {
  /// The sorted buckets of a region's online miners, and whether it was large at the time.
  private struct Tables {
    var prices: [NaiveBucket] = []
    var latencies: [NaiveBucket] = []
    var isOfLargeRegion = false
  }

  private let weights: Weights
  private var miners: [RegisteredMiner] = []
  private var tables: [String: Tables] = [:]
  private var offered: [MinerID: Int] = [:]

  init(weights: Weights) { self.weights = weights }

  private func place(_ id: MinerID) -> Int? { miners.firstIndex { $0.record.id == id } }

  mutating func upsert(_ record: MinerRecord) {
    if let place = place(record.id) {
      if record.version > miners[place].record.version { miners[place].record = record }
    } else {
      miners.append(RegisteredMiner(record: record))
    }
    forgetEmptyRegions()
  }

  mutating func apply(_ patch: StatusPatch, to id: MinerID) -> Bool {
    guard let place = place(id) else { return false }
    miners[place].status = miners[place].status?.merged(with: patch) ?? patch
    return true
  }

  mutating func apply(_ trust: MinerTrust, to id: MinerID) -> Bool {
    guard let place = place(id) else { return false }
    if trust.version >= miners[place].trust.version { miners[place].trust = trust }
    return true
  }

  mutating func countOffers(_ difference: Int, to id: MinerID) {
    if place(id) != nil { offered[id] = max(0, offered[id, default: 0] + difference) }
  }

  mutating func remove(_ id: MinerID) -> RegisteredMiner? {
    guard let place = place(id) else { return nil }
    offered[id] = nil
    defer { forgetEmptyRegions() }
    return miners.remove(at: place)
  }

  mutating func removeMiners(
    leaseEndedBefore cutoff: Timestamp, limit: Int
  ) -> [RegisteredMiner] {
    let leavers = miners.filter { ($0.status?.expiresAt ?? .distantPast) < cutoff }
    return leavers.compactMap { remove($0.record.id) }
  }

  func contains(_ id: MinerID) -> Bool { place(id) != nil }

  func holding(of id: MinerID, at now: Timestamp) -> MinerHolding? {
    place(id).map { MinerHolding(miners[$0], isLive: true, at: now) }
  }

  private mutating func forgetEmptyRegions() {
    let inhabited = Set(miners.map(\.record.profile.region))
    tables = tables.filter { inhabited.contains($0.key) }
  }

  private func members(_ region: String) -> [RegisteredMiner] {
    miners.filter { $0.record.profile.region == region }
  }

  private mutating func build(_ region: String, at now: Timestamp, leaseTime: Timestamp) {
    let all = members(region)
    let online = all.filter { $0.isOnline(at: leaseTime) }
    tables[region] = Tables(
      prices: online.map { NaiveBucket($0.price(at: now).units) },
      latencies: online.compactMap { $0.latency.map(NaiveBucket.init(milliseconds:)) },
      isOfLargeRegion: all.count >= 256)
  }

  mutating func refresh(at now: Timestamp, leaseTime: Timestamp) {
    for region in Set(miners.map(\.record.profile.region)) {
      build(region, at: now, leaseTime: leaseTime)
    }
  }

  mutating func match(_ query: MatchQuery, at now: Timestamp, leaseTime: Timestamp) -> MatchAnswer {
    for region in Set(miners.map(\.record.profile.region)) {
      if let asked = query.region, asked != "", asked != region { continue }
      let isLarge = members(region).count >= 256
      if isLarge && tables[region]?.isOfLargeRegion == true { continue }
      build(region, at: now, leaseTime: leaseTime)
    }
    let considered = miners.filter { !query.exclude.contains($0.record.id) }
    var rejected = Array(repeating: 0, count: RejectionReason.allCases.count)
    var candidates: [Candidate] = []
    for miner in considered {
      let offered = query.isSpread ? offered[miner.record.id, default: 0] : 0
      if let reason = miner.rejection(
        query, offered: offered, at: now, leaseTime: leaseTime)
      {
        rejected[reason.rawValue] += 1
      } else {
        candidates.append(candidate(miner, query, at: now))
      }
    }
    candidates.sort { ($1.score, $0.minerID) < ($0.score, $1.minerID) }
    let counts = MatchCounts(
      eligible: candidates.count, considered: considered.count, rejected: rejected)
    return MatchAnswer(
      candidates: Array(candidates.prefix(query.topK)),
      counts: query.explainsFully || candidates.isEmpty ? counts : nil)
  }

  private func candidate(
    _ miner: RegisteredMiner, _ query: MatchQuery, at now: Timestamp
  ) -> Candidate {
    let profile = miner.record.profile
    let (price, slots) = miner.terms(query, at: now)!
    let tables = tables[profile.region]!
    let offered = query.capabilitiesAny.filter { miner.capabilities.contains($0) }
    let parts = Score.parts(
      ScoreInputs(
        askedCapabilities: query.capabilitiesAny.count, offeredCapabilities: offered.count,
        price: price,
        priceScale: query.maxPrice.map { .cap($0) }
          ?? .rank(NaiveBucket(price.units).rank(in: tables.prices)),
        latencyRank: miner.latency.map {
          NaiveBucket(milliseconds: $0).rank(in: tables.latencies)
        }, trust: miner.trust.score, taken: miner.taken, slots: slots))
    return Candidate(
      minerID: miner.record.id, addr: profile.addr, proto: profile.proto, region: profile.region,
      score: Score.total(parts, weights), parts: parts, price: price, trust: miner.trust.score,
      etaMilliseconds: miner.latency.map { $0 * Double(miner.taken + 1) })
  }

  var statistics: IndexStatistics {
    IndexStatistics(minerCount: miners.count, onlineByRegion: tables.mapValues(\.prices.count))
  }
}

/// A bucket found by halving: what is left of a value below 128, and how often it was halved.
private struct NaiveBucket: Equatable {
  var halvings = 0
  var rest: Int64

  init(_ value: Int64) {
    rest = value
    while rest >= 128 {
      rest /= 2
      halvings += 1
    }
  }

  init(milliseconds: Double) { self.init(Int64(milliseconds * 1_000_000)) }

  func rank(in all: [NaiveBucket]) -> Double {
    let lower = all.count { ($0.halvings, $0.rest) < (halvings, rest) }
    return min(1, Double(lower) / Double(max(1, all.count - 1)))
  }
}

extension RegisteredMiner {
  fileprivate var capabilities: [String] {
    record.profile.capabilities + record.services.flatMap(\.capabilities)
  }

  fileprivate var latency: Double? { status?.avgLatencyMilliseconds }

  fileprivate var taken: Int { Int(status?.queueLength ?? 0) }

  fileprivate func isOnline(at leaseTime: Timestamp) -> Bool {
    status.map { $0.expiresAt > leaseTime } ?? false
  }

  fileprivate func price(at now: Timestamp) -> Price {
    overridePrice(at: now) ?? record.profile.price
  }

  private func overridePrice(at now: Timestamp) -> Price? {
    guard let override = record.priceOverride else { return nil }
    if let end = override.expiresAt, end <= now { return nil }
    return override.price
  }

  /// nil when the service that is asked for isn't switched on.
  fileprivate func terms(_ query: MatchQuery, at now: Timestamp) -> (price: Price, slots: Int)? {
    let profile = record.profile
    guard let type = query.service else { return (price(at: now), profile.maxParallel) }
    guard let service = record.services.first(where: { $0.type == type }) else { return nil }
    return (
      overridePrice(at: now) ?? service.price ?? profile.price,
      min(profile.maxParallel, service.maxConcurrent)
    )
  }

  fileprivate func rejection(
    _ query: MatchQuery, offered: Int, at now: Timestamp, leaseTime: Timestamp
  ) -> RejectionReason? {
    let profile = record.profile
    func hasAny(_ asked: [String], of own: [String]) -> Bool {
      asked.isEmpty || !Set(asked).isDisjoint(with: own)
    }
    if !isOnline(at: leaseTime) { return .offline }
    if let region = query.region, region != "", region != profile.region { return .region }
    if !hasAny(query.accel, of: profile.accel) { return .accel }
    if profile.gpuVRAMGB < query.minVRAMGB { return .vram }
    if profile.ramGB < query.minRAMGB { return .ram }
    if !hasAny(query.capabilitiesAny, of: capabilities) { return .capability }
    if !Set(query.capabilitiesAll).isSubset(of: capabilities) { return .capability }
    if !hasAny(query.tagsAny, of: profile.tags) { return .tag }
    if !Set(query.tagsAll).isSubset(of: profile.tags) { return .tag }
    guard let terms = terms(query, at: now) else { return .service }
    if let highest = query.maxPrice, terms.price > highest { return .price }
    if let least = query.minTrust, trust.score < least { return .trust }
    if let most = query.maxTrust, trust.score > most { return .trust }
    let isClosed = status?.busy == true || (status?.state ?? .active) != .active
    return isClosed || taken + offered >= terms.slots ? .full : nil
  }
}
