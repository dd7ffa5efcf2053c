import Domain
import TestRandom
import Wire

/// Random messages and changes within the limits, with everything optional now there, now not.
extension SplitMix64 {
  mutating func text(upTo count: Int) -> String {
    let letters = ["a", "B", "7", "-", "é", "日", "😀", "\0", "e\u{301}", " "]
    return (0..<below(count + 1)).map { _ in pick(letters) }.joined()
  }

  mutating func texts() -> [String] { (0..<below(4)).map { _ in text(upTo: 6) } }

  mutating func maybe<Value>(_ make: (inout SplitMix64) -> Value) -> Value? {
    chance(50) ? make(&self) : nil
  }

  mutating func double() -> Double {
    let value = Double(bitPattern: next())
    return value.isFinite ? value : 0.1
  }

  mutating func float() -> Float {
    let value = Float(bitPattern: UInt32(truncatingIfNeeded: next()))
    return value.isFinite ? value : 0.1
  }

  mutating func uint32() -> UInt32 { UInt32(truncatingIfNeeded: next()) }

  mutating func units() -> Int64 { Int64.random(in: Limits.priceUnits, using: &self) }

  mutating func moment() -> Timestamp { Timestamp(milliseconds: Int64(bitPattern: next())) }

  mutating func minerID() -> MinerID {
    let letters = (0...below(64)).map { _ in pick(Array("abcXYZ0189._:-")) }
    return MinerID(String(letters))!
  }

  mutating func streamID() -> StreamID { StreamID(milliseconds: next(), sequence: next()) }

  mutating func patch() -> StatusPatch {
    var patch = StatusPatch(at: moment(), leaseMilliseconds: uint32())
    patch.queueLength = maybe { $0.uint32() }
    patch.busy = maybe { $0.chance(50) }
    patch.state = maybe { $0.pick(MinerState.allCases) }
    patch.avgLatencyMilliseconds = maybe { $0.double() }
    patch.temperatureCelsius = maybe { $0.float() }
    patch.memFreeGB = maybe { $0.float() }
    patch.gpuUtilization = maybe { $0.float() }
    return patch
  }

  mutating func profile() -> MinerProfile {
    var profile = MinerProfile()
    profile.addr = text(upTo: 20)
    profile.proto = pick(MinerProtocol.allCases)
    profile.region = text(upTo: 5)
    profile.gpuName = text(upTo: 9)
    profile.gpuCount = below(1_025)
    profile.gpuVRAMGB = double()
    profile.ramGB = double()
    profile.cpuCores = below(65_537)
    profile.maxParallel = 1 + below(65_536)
    profile.price = Price(units: units())
    profile.accel = texts()
    profile.tags = texts()
    profile.capabilities = texts()
    profile.walletAddress = maybe { $0.text(upTo: 9) }
    profile.chainID = maybe { $0.text(upTo: 9) }
    return profile
  }

  mutating func change() -> Change {
    let id = minerID()
    switch below(5) {
    case 0:
      var record = MinerRecord(id: id, version: Int64(bitPattern: next()), profile: profile())
      record.priceOverride = maybe {
        PriceOverride(
          price: Price(units: $0.units()), reason: $0.text(upTo: 9),
          expiresAt: $0.maybe { $0.moment() })
      }
      record.services = (0..<below(3)).map { _ in
        EnabledService(
          type: text(upTo: 9), price: maybe { Price(units: $0.units()) },
          maxConcurrent: below(65_536), capabilities: texts())
      }
      return .record(record)
    case 1:
      return .trust(
        id,
        MinerTrust(
          score: double(), good: double(), bad: double(), version: Int64(bitPattern: next())))
    case 2: return .status(id, patch())
    case 3: return .revoked(id, notBefore: moment())
    default: return .connected(id, gateway: text(upTo: 12), at: moment())
    }
  }

  mutating func query() -> MatchQuery {
    var query = MatchQuery(jobID: text(upTo: 12))
    query.task = maybe { $0.text(upTo: 9) }
    query.minVRAMGB = double()
    query.minRAMGB = double()
    query.accel = texts()
    query.tagsAny = texts()
    query.tagsAll = texts()
    query.capabilitiesAny = texts()
    query.capabilitiesAll = texts()
    query.service = maybe { $0.text(upTo: 9) }
    query.minTrust = maybe { $0.double() }
    query.region = maybe { $0.text(upTo: 4) }
    query.maxPrice = maybe { Price(units: $0.units()) }
    query.topK = 1 + below(50)
    query.exclude = (0..<below(4)).map { _ in minerID() }
    query.explainsFully = chance(50)
    query.isSpread = chance(50)
    return query
  }

  mutating func candidate() -> Candidate {
    Candidate(
      minerID: minerID(), addr: text(upTo: 20), proto: pick(MinerProtocol.allCases),
      region: text(upTo: 4), score: double(),
      parts: ScoreParts(
        cap: double(), price: double(), latency: double(), trust: double(), load: double()),
      price: Price(units: units()), trust: double(), etaMilliseconds: maybe { $0.double() })
  }

  mutating func message() -> Message {
    switch below(15) {
    case 0:
      return .hello(Hello(scorerID: text(upTo: 12), minVersion: UInt8(below(256)), maxVersion: 1))
    case 1:
      return .welcome(
        Welcome(gatewayID: text(upTo: 12), version: UInt8(below(256)), instance: next()))
    case 2:
      var beat = Beat()
      beat.isReady = chance(50)
      beat.lagMilliseconds = uint32()
      beat.answers = next()
      beat.knownMiners = uint32()
      beat.liveMiners = uint32()
      beat.onlineMiners = uint32()
      beat.avgLatencyMilliseconds = maybe { $0.double() }
      beat.isStreamReachable = chance(50)
      beat.regions = (0..<below(4)).map { _ in
        Beat.Region(name: text(upTo: 4), online: uint32())
      }
      beat.auditedAnswers = next()
      beat.auditDifferences = next()
      beat.waiting = uint32()
      beat.dropped = next()
      beat.refused = next()
      for _ in 0..<below(20) { beat.delays.record(milliseconds: Int64(below(20_000)) - 10) }
      beat.spreadOffers = uint32()
      beat.spreadForgotten = next()
      return .beat(beat)
    case 3: return .goodbye
    case 4: return .matchRequest(query())
    case 5:
      return .matchReply(answer())
    case 6:
      var report = FeedbackReport(
        coordinator: text(upTo: 9), jobID: text(upTo: 9), minerID: minerID(),
        outcome: pick(Outcome.allCases))
      report.latencyMilliseconds = maybe { $0.double() }
      report.failCode = maybe { $0.text(upTo: 9) }
      report.tokensSpent = maybe { $0.units() }
      report.idempotencyKey = maybe { $0.text(upTo: 9) }
      report.offer = maybe { random in
        ProvenOffer(
          madeAt: Timestamp(milliseconds: Int64(bitPattern: random.next())),
          price: Price(units: random.units()))
      }
      return .feedbackRequest(report)
    case 7:
      return .feedbackReply(
        FeedbackReceipt(
          minerID: minerID(), isDuplicate: chance(50), trustScore: double(),
          previousTrustScore: double(), evidence: maybe { $0.double() }))
    case 8: return .inspectRequest((0..<below(4)).map { _ in minerID() })
    case 9: return .inspectReply((0..<below(4)).map { _ in holding() })
    case 10: return .batchRequest((0...below(4)).map { _ in query() })
    case 11: return .batchReply((0...below(4)).map { _ in answer() })
    case 12: return .writtenMatchReply(writtenAnswer())
    case 13: return .writtenBatchReply((0...below(4)).map { _ in writtenAnswer() })
    default: return .failure(Failure(Failure.Code(rawValue: UInt8(1 + below(8)))!))
    }
  }

  mutating func answer() -> MatchAnswer {
    MatchAnswer(
      candidates: (0..<below(4)).map { _ in candidate() }, counts: maybe { $0.counts() })
  }

  mutating func counts() -> MatchCounts {
    MatchCounts(
      eligible: below(1_000), considered: below(1_000),
      rejected: RejectionReason.allCases.map { _ in below(100) })
  }

  mutating func writtenAnswer() -> WrittenAnswer {
    let entries = (0..<below(4)).map { _ in
      let idByteCount = 1 + below(64)
      return WrittenAnswer.Candidate(
        price: Price(units: units()), minerIDByteCount: idByteCount,
        byteCount: WrittenAnswer.minerIDOffset + idByteCount + below(40))
    }
    let byteCount = entries.reduce(below(30)) { $0 + $1.byteCount }
    let text = (0..<byteCount).map { _ in UInt8(below(256)) }
    return WrittenAnswer(candidates: entries, text: text[...], counts: maybe { $0.counts() })!
  }

  mutating func holding() -> MinerHolding {
    MinerHolding(
      id: minerID(), recordVersion: Int64(bitPattern: next()), isLive: chance(50),
      price: Price(units: units()), maxParallel: 1 + below(65_536),
      trust: MinerTrust(
        score: double(), good: double(), bad: double(), version: Int64(bitPattern: next())),
      status: maybe { $0.patch() })
  }

  mutating func record() -> Record {
    Record(
      version: UInt8(1 + below(5)), requestID: next(), budgetMicroseconds: uint32(),
      streamID: streamID(), message: message())
  }
}
