/// A coordinator's request for the best miners of a job, checked and normalised.
package struct MatchQuery: Equatable, Sendable {
  package var jobID: String
  package var task: String?
  package var minVRAMGB = 0.0
  package var minRAMGB = 0.0
  /// Lists are distinct; `accel` and `region` lower-cased.
  package var accel: [String] = []
  package var tagsAny: [String] = []
  package var tagsAll: [String] = []
  package var capabilitiesAny: [String] = []
  package var capabilitiesAll: [String] = []
  package var service: String?
  package var minTrust: Double?
  /// No coordinator asks for it: a scorer that looks for newcomers does. Not on the wire.
  package var maxTrust: Double?
  /// nil: any region.
  package var region: String?
  package var maxPrice: Price?
  package var topK = 1
  package var exclude: [MinerID] = []
  package var explainsFully = false
  /// What has just been offered to such matches counts against a miner's free slots.
  package var isSpread = false

  package init(jobID: String) { self.jobID = jobID }
}

/// Why a miner was left out. The order is the order of the filters; a miner counts under its first.
package enum RejectionReason: Int, CaseIterable, Sendable {
  case offline, region, accel, vram, ram, capability, tag, service, price, trust, full

  package var name: String { Self.names[rawValue] }

  /// Made once, since taking the name of a case takes long.
  private static let names = allCases.map { "\($0)" }
}

/// The parts of a score, each in [0, 1].
package struct ScoreParts: Equatable, Sendable {
  package var cap: Double
  package var price: Double
  package var latency: Double
  package var trust: Double
  package var load: Double

  package init(cap: Double, price: Double, latency: Double, trust: Double, load: Double) {
    self.cap = cap
    self.price = price
    self.latency = latency
    self.trust = trust
    self.load = load
  }
}

/// A miner that fits, with what the coordinator needs to use it and to see why.
package struct Candidate: Equatable, Sendable {
  package var minerID: MinerID
  package var addr: String
  package var proto: MinerProtocol
  package var region: String
  /// In [0, 1].
  package var score: Double
  package var parts: ScoreParts
  package var price: Price
  package var trust: Double
  /// nil when the miner's latency is unknown.
  package var etaMilliseconds: Double?

  package init(
    minerID: MinerID, addr: String, proto: MinerProtocol, region: String, score: Double,
    parts: ScoreParts, price: Price, trust: Double, etaMilliseconds: Double?
  ) {
    self.minerID = minerID
    self.addr = addr
    self.proto = proto
    self.region = region
    self.score = score
    self.parts = parts
    self.price = price
    self.trust = trust
    self.etaMilliseconds = etaMilliseconds
  }
}

/// How many miners were looked at and where they went: `considered = eligible + Σ rejected`.
package struct MatchCounts: Equatable, Sendable {
  package var eligible: Int
  package var considered: Int
  /// One count a `RejectionReason`, in its order.
  package var rejected: [Int]

  package init(eligible: Int, considered: Int, rejected: [Int]) {
    self.eligible = eligible
    self.considered = considered
    self.rejected = rejected
  }
}

/// The answer: candidates best first (ties by lower id), counts when asked for or when there is none.
package struct MatchAnswer: Equatable, Sendable {
  package var candidates: [Candidate]
  package var counts: MatchCounts?

  package init(candidates: [Candidate], counts: MatchCounts?) {
    self.candidates = candidates
    self.counts = counts
  }
}
