import Domain
import Wire

/// The values whose bytes are pinned: one a kind with everything set, and one with everything optional
/// left out where that looks different.
enum GoldenSamples {
  /// Their files are named after the version in their header: the last in which their payload grew.
  static let records: [(name: String, record: Record)] = [
    ("hello", record(.hello(Hello(scorerID: "scorer-1", minVersion: 1, maxVersion: 1)))),
    (
      "welcome",
      record(
        version: 3,
        .welcome(Welcome(gatewayID: "gateway-8203", version: 3, instance: 0x1122_3344_5566_7788)))
    ),
    ("beat", record(version: 4, .beat(beat))),
    ("beat-of-gateway", record(version: 4, .beat(Beat()))),
    ("goodbye", record(.goodbye)),
    ("match-request", record(version: 4, .matchRequest(spreadQuery))),
    ("match-request-least", record(version: 4, .matchRequest(MatchQuery(jobID: "job-1")))),
    (
      "match-reply",
      record(.matchReply(MatchAnswer(candidates: [candidate, unknownCandidate], counts: counts)))
    ),
    ("match-reply-empty", record(.matchReply(MatchAnswer(candidates: [], counts: nil)))),
    ("feedback-request", record(version: 4, .feedbackRequest(provenReport))),
    ("feedback-request-least", record(version: 4, .feedbackRequest(leastReport))),
    (
      "feedback-reply",
      record(
        version: 4,
        .feedbackReply(
          FeedbackReceipt(
            minerID: miner, isDuplicate: true, trustScore: 0.6, previousTrustScore: 0.5,
            evidence: 0.25)))
    ),
    ("failure", record(.failure(Failure(.storeUnavailable)))),
    ("inspect-request", record(version: 3, .inspectRequest([miner, MinerID("miner-2")!]))),
    ("inspect-reply", record(version: 3, .inspectReply([holding, unseenHolding]))),
    (
      "batch-request", record(version: 4, .batchRequest([spreadQuery, MatchQuery(jobID: "job-2")]))
    ),
    (
      "batch-reply",
      record(
        version: 4,
        .batchReply([
          MatchAnswer(candidates: [candidate, unknownCandidate], counts: nil),
          MatchAnswer(candidates: [], counts: counts),
        ]))
    ),
    ("written-match-reply", record(version: 5, .writtenMatchReply(written))),
    (
      "written-batch-reply",
      record(
        version: 5,
        .writtenBatchReply([
          written,
          WrittenAnswer(
            candidates: [], text: Array(#""explain":"no candidate""#.utf8)[...], counts: counts)!,
        ]))
    ),
  ]

  /// What neighbours of an older version write, as this build reads it.
  static let olderRecords: [(name: String, record: Record)] = [
    ("welcome", record(.welcome(Welcome(gatewayID: "gateway-8203", version: 1)))),
    ("beat", record(.beat(unauditedBeat))),
    ("beat", record(version: 2, .beat(auditedBeat))),
    ("beat-of-gateway", record(.beat(Beat()))),
    ("beat-of-gateway", record(version: 2, .beat(Beat()))),
    ("beat", record(version: 3, .beat(unspreadBeat))),
    ("beat-of-gateway", record(version: 3, .beat(Beat()))),
    ("match-request", record(.matchRequest(query))),
    ("match-request-least", record(.matchRequest(MatchQuery(jobID: "job-1")))),
    ("feedback-request", record(.feedbackRequest(report))),
    ("feedback-request-least", record(.feedbackRequest(leastReport))),
    (
      "feedback-reply",
      record(
        .feedbackReply(
          FeedbackReceipt(
            minerID: miner, isDuplicate: true, trustScore: 0.6, previousTrustScore: 0.5)))
    ),
  ]

  static let changes: [(name: String, changes: [Change])] = [
    ("record", [.record(minerRecord)]),
    ("record-least", [.record(MinerRecord(id: miner, version: 1, profile: MinerProfile()))]),
    ("trust", [.trust(miner, MinerTrust(score: 0.625, good: 3, bad: 1, version: 7))]),
    ("status", [.status(miner, patch)]),
    ("status-renewal", [.status(miner, StatusPatch(at: moment, leaseMilliseconds: 60_000))]),
    ("revoked", [.revoked(miner, notBefore: moment)]),
    ("connected", [.connected(miner, gateway: "gateway-8203", at: moment)]),
    ("none", []),
    ("several", [.trust(miner, .none), .status(miner, patch), .revoked(miner, notBefore: moment)]),
  ]

  private static let miner = MinerID("miner-1")!
  private static let moment = Timestamp(milliseconds: 1_700_000_000_123)

  private static func record(version: UInt8 = 1, _ message: Message) -> Record {
    Record(
      version: version, requestID: 0x0102_0304_0506_0708, budgetMicroseconds: 250_000,
      streamID: StreamID(milliseconds: 1_700_000_000_000, sequence: 3), message: message)
  }

  private static var beat: Beat {
    var beat = unspreadBeat
    beat.spreadOffers = 1_200
    beat.spreadForgotten = 5_000_000_000
    return beat
  }

  private static var unspreadBeat: Beat {
    var beat = auditedBeat
    beat.waiting = 7
    beat.dropped = 300
    beat.refused = 70_000
    for milliseconds in [0, 12, 12, 70_000] {
      beat.delays.record(milliseconds: Int64(milliseconds))
    }
    return beat
  }

  private static var auditedBeat: Beat {
    var beat = unauditedBeat
    beat.auditedAnswers = 10_000_000_000
    beat.auditDifferences = 2
    return beat
  }

  private static var unauditedBeat: Beat {
    var beat = Beat()
    beat.isReady = true
    beat.lagMilliseconds = 12
    beat.answers = 1_000_000_000_000
    beat.knownMiners = 1_000
    beat.liveMiners = 900
    beat.onlineMiners = 800
    beat.avgLatencyMilliseconds = 120.5
    beat.isStreamReachable = true
    beat.regions = [Beat.Region(name: "eu", online: 500), Beat.Region(name: "", online: 300)]
    return beat
  }

  private static var query: MatchQuery {
    var query = MatchQuery(jobID: "job-1")
    query.task = "image_embedding"
    query.minVRAMGB = 8
    query.minRAMGB = 16.5
    query.accel = ["cuda", "rocm"]
    query.tagsAny = ["eu-west"]
    query.tagsAll = ["ssd", "größe:xl"]
    query.capabilitiesAny = ["sentence-transformers/all-MiniLM-L6-v2"]
    query.capabilitiesAll = ["fp16"]
    query.service = "llm_inference"
    query.minTrust = 0.2
    query.region = "eu"
    query.maxPrice = Price(units: 80_000_000)
    query.topK = 3
    query.exclude = [MinerID("miner-9")!]
    query.explainsFully = true
    return query
  }

  private static var spreadQuery: MatchQuery {
    var query = query
    query.isSpread = true
    return query
  }

  private static let candidate = Candidate(
    minerID: miner, addr: "10.1.2.3:9000", proto: .grpcs, region: "eu", score: 0.875,
    parts: ScoreParts(cap: 1, price: 0.82, latency: 0.9, trust: 0.7, load: 0.75),
    price: Price(units: 14_400_000), trust: 0.7, etaMilliseconds: 240)

  private static let unknownCandidate = Candidate(
    minerID: MinerID("miner-2")!, addr: "", proto: .http, region: "", score: 0.25,
    parts: ScoreParts(cap: 0, price: 0, latency: 0.5, trust: 0.5, load: 0),
    price: .zero, trust: 0.5, etaMilliseconds: nil)

  private static var written: WrittenAnswer {
    let texts = [
      #"{"miner_id":"miner-1","addr":"10.1.2.3:9000","score":0.875"#,
      #"{"miner_id":"miner-2","addr":"","score":0.25"#,
    ]
    return WrittenAnswer(
      candidates: zip(texts, [candidate, unknownCandidate]).map { text, candidate in
        WrittenAnswer.Candidate(
          price: candidate.price, minerIDByteCount: candidate.minerID.text.utf8.count,
          byteCount: text.utf8.count)
      },
      text: Array((texts.joined() + #""explain":"cap=1.00""#).utf8)[...], counts: nil)!
  }

  private static let counts = MatchCounts(
    eligible: 2, considered: 68, rejected: [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11])

  private static var report: FeedbackReport {
    var report = FeedbackReport(
      coordinator: "main", jobID: "job-1", minerID: miner, outcome: .failed)
    report.latencyMilliseconds = 812.25
    report.failCode = "timeout"
    report.tokensSpent = 25_000_000
    report.idempotencyKey = "key-1"
    return report
  }

  private static var provenReport: FeedbackReport {
    var report = report
    report.offer = ProvenOffer(madeAt: moment, price: Price(units: 14_400_000))
    return report
  }

  private static let leastReport = FeedbackReport(
    coordinator: "main", jobID: "job-1", minerID: miner, outcome: .accepted)

  private static var holding: MinerHolding {
    MinerHolding(
      id: miner, recordVersion: 42, isLive: true, price: Price(units: 10_000_000), maxParallel: 4,
      trust: MinerTrust(score: 0.625, good: 3, bad: 1, version: 7), status: patch)
  }

  private static var unseenHolding: MinerHolding {
    MinerHolding(
      id: MinerID("miner-2")!, recordVersion: 1, isLive: false, price: .zero, maxParallel: 1,
      trust: .none, status: nil)
  }

  private static var minerRecord: MinerRecord {
    var profile = MinerProfile()
    profile.addr = "https://miner.example:9000"
    profile.proto = .https
    profile.region = "eu"
    profile.gpuName = "RTX 4090"
    profile.gpuCount = 2
    profile.gpuVRAMGB = 24
    profile.ramGB = 128
    profile.cpuCores = 32
    profile.maxParallel = 4
    profile.price = Price(units: 25_000_000)
    profile.accel = ["cuda"]
    profile.tags = ["ssd", "größe:xl"]
    profile.capabilities = ["fp16", "my-model"]
    profile.walletAddress = "0xabc"
    profile.chainID = "137"
    return MinerRecord(
      id: miner, version: 42, profile: profile,
      priceOverride: PriceOverride(
        price: Price(units: 10_000_000), reason: "trial", expiresAt: moment),
      services: [
        EnabledService(
          type: "whisper", price: Price(units: 5_000_000), maxConcurrent: 2,
          capabilities: ["large-v3"]),
        EnabledService(type: "ffmpeg", price: nil, maxConcurrent: 1, capabilities: []),
      ])
  }

  private static var patch: StatusPatch {
    var patch = StatusPatch(at: moment, leaseMilliseconds: 60_000)
    patch.queueLength = 3
    patch.busy = true
    patch.state = .draining
    patch.avgLatencyMilliseconds = 80.5
    patch.temperatureCelsius = 61.5
    patch.memFreeGB = 12.25
    patch.gpuUtilization = 97
    return patch
  }
}
