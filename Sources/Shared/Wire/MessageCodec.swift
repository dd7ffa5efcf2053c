import Domain

/// The payload of each kind of message. Fields are only ever added at the end.
enum MessageCodec {
  static func write(_ message: Message, to writer: inout ByteWriter) {
    switch message {
    case .hello(let hello):
      writer.write(hello.scorerID)
      writer.write(hello.minVersion)
      writer.write(hello.maxVersion)
    case .welcome(let welcome):
      writer.write(welcome.gatewayID)
      writer.write(welcome.version)
      writer.write(welcome.instance)
    case .beat(let beat): writer.write(beat)
    case .goodbye, .unknown: break
    case .matchRequest(let query): writer.write(query)
    case .matchReply(let answer): writer.write(answer)
    case .feedbackRequest(let report): writer.write(report)
    case .feedbackReply(let receipt):
      writer.write(receipt.minerID.text)
      writer.write(receipt.isDuplicate)
      writer.write(receipt.trustScore)
      writer.write(receipt.previousTrustScore)
      writer.write(optional: receipt.evidence) { $0.write($1) }
    case .failure(let failure): writer.write(failure.code.rawValue)
    case .inspectRequest(let ids): writer.write(ids.map(\.text))
    case .inspectReply(let holdings):
      writer.write(UInt16(holdings.count))
      for holding in holdings { writer.write(holding) }
    case .batchRequest(let queries):
      writer.write(UInt16(queries.count))
      for query in queries { writer.writeSized { $0.write(query) } }
    case .batchReply(let answers):
      writer.write(UInt16(answers.count))
      for answer in answers { writer.writeSized { $0.write(answer) } }
    case .writtenMatchReply(let answer): writer.write(answer)
    case .writtenBatchReply(let answers):
      writer.write(UInt16(answers.count))
      for answer in answers { writer.writeSized { $0.write(answer) } }
    }
  }

  static func read(kind: UInt8, from reader: inout ByteReader) throws(WireError) -> Message {
    switch kind {
    case 1:
      return .hello(
        Hello(
          scorerID: try reader.readString(), minVersion: try reader.read(),
          maxVersion: try reader.read()))
    case 2:
      var welcome = Welcome(gatewayID: try reader.readString(), version: try reader.read())
      if reader.remaining > 0 { welcome.instance = try reader.read() }
      return .welcome(welcome)
    case 3: return .beat(try reader.readBeat())
    case 4: return .goodbye
    case 5: return .matchRequest(try reader.readMatchQuery())
    case 6: return .matchReply(try reader.readMatchAnswer())
    case 7: return .feedbackRequest(try reader.readFeedbackReport())
    case 8:
      return .feedbackReply(try reader.readFeedbackReceipt())
    case 9:
      return .failure(Failure(Failure.Code(rawValue: try reader.read()) ?? .faulty))
    case 16: return .inspectRequest(try reader.readInspectedIDs())
    case 17: return .inspectReply(try reader.readHoldings())
    case 18:
      return .batchRequest(
        try reader.readBatch { (reader) throws(WireError) in try reader.readMatchQuery() })
    case 19:
      return .batchReply(
        try reader.readBatch { (reader) throws(WireError) in try reader.readMatchAnswer() })
    case 20: return .writtenMatchReply(try reader.readWrittenAnswer(of: reader.all))
    case 21:
      let all = reader.all
      return .writtenBatchReply(
        try reader.readBatch { (reader) throws(WireError) in
          try reader.readWrittenAnswer(of: all)
        })
    default: return .unknown(kind: kind)
    }
  }
}

extension ByteWriter {
  fileprivate mutating func write(_ beat: Beat) {
    write(beat.isReady)
    write(beat.lagMilliseconds)
    write(beat.answers)
    write(beat.knownMiners)
    write(beat.liveMiners)
    write(beat.onlineMiners)
    write(optional: beat.avgLatencyMilliseconds) { $0.write($1) }
    write(beat.isStreamReachable)
    let regions = beat.regions.prefix(Beat.regionLimit)
    write(UInt16(regions.count))
    for region in regions {
      write(region.name)
      write(region.online)
    }
    write(beat.auditedAnswers)
    write(beat.auditDifferences)
    write(beat.waiting)
    write(beat.dropped)
    write(beat.refused)
    beat.delays.write(to: &self)
    write(beat.spreadOffers)
    write(beat.spreadForgotten)
  }

  fileprivate mutating func write(_ query: MatchQuery) {
    write(query.jobID)
    write(optional: query.task) { $0.write($1) }
    write(query.minVRAMGB)
    write(query.minRAMGB)
    write(query.accel)
    write(query.tagsAny)
    write(query.tagsAll)
    write(query.capabilitiesAny)
    write(query.capabilitiesAll)
    write(optional: query.service) { $0.write($1) }
    write(optional: query.minTrust) { $0.write($1) }
    write(optional: query.region) { $0.write($1) }
    write(optional: query.maxPrice) { $0.write($1.units) }
    write(UInt8(query.topK))
    write(query.exclude.map(\.text))
    write(query.explainsFully)
    write(query.isSpread)
  }

  fileprivate mutating func write(_ answer: MatchAnswer) {
    write(UInt16(answer.candidates.count))
    for candidate in answer.candidates { write(candidate) }
    write(optional: answer.counts) { $0.write($1) }
  }

  private mutating func write(_ counts: MatchCounts) {
    write(UInt32(counts.eligible))
    write(UInt32(counts.considered))
    write(UInt8(counts.rejected.count))
    for count in counts.rejected { write(UInt32(count)) }
  }

  fileprivate mutating func write(_ answer: WrittenAnswer) {
    write(UInt16(answer.candidates.count))
    for candidate in answer.candidates {
      write(candidate.price.units)
      write(UInt8(candidate.minerIDByteCount))
      write(UInt32(candidate.byteCount))
    }
    write(optional: answer.counts) { $0.write($1) }
    write(UInt32(answer.text.count))
    write(bytes: answer.text)
  }

  private mutating func write(_ candidate: Candidate) {
    write(candidate.minerID.text)
    write(candidate.addr)
    write(candidate.proto.code)
    write(candidate.region)
    write(candidate.score)
    write(candidate.parts.cap)
    write(candidate.parts.price)
    write(candidate.parts.latency)
    write(candidate.parts.trust)
    write(candidate.parts.load)
    write(candidate.price.units)
    write(candidate.trust)
    write(optional: candidate.etaMilliseconds) { $0.write($1) }
  }

  fileprivate mutating func write(_ report: FeedbackReport) {
    write(report.coordinator)
    write(report.jobID)
    write(report.minerID.text)
    write(report.outcome.code)
    write(optional: report.latencyMilliseconds) { $0.write($1) }
    write(optional: report.failCode) { $0.write($1) }
    write(optional: report.tokensSpent) { $0.write($1) }
    write(optional: report.idempotencyKey) { $0.write($1) }
    write(optional: report.offer) { writer, offer in
      writer.write(offer.madeAt.milliseconds)
      writer.write(offer.price.units)
    }
  }
}

extension ByteReader {
  fileprivate mutating func readBeat() throws(WireError) -> Beat {
    var beat = Beat()
    beat.isReady = try readBool()
    beat.lagMilliseconds = try read()
    beat.answers = try read()
    beat.knownMiners = try read()
    beat.liveMiners = try read()
    beat.onlineMiners = try read()
    beat.avgLatencyMilliseconds = try readOptional { (reader) throws(WireError) in
      try reader.readDouble()
    }
    beat.isStreamReachable = try readBool()
    let count = Int(try read(UInt16.self))
    guard count <= Beat.regionLimit else { throw .badValue }
    for _ in 0..<count {
      beat.regions.append(Beat.Region(name: try readString(), online: try read()))
    }
    if remaining == 0 { return beat }
    beat.auditedAnswers = try read()
    beat.auditDifferences = try read()
    if remaining == 0 { return beat }
    beat.waiting = try read()
    beat.dropped = try read()
    beat.refused = try read()
    if remaining == 0 { return beat }
    beat.delays = try DelayCounts.read(&self)
    if remaining == 0 { return beat }
    beat.spreadOffers = try read()
    beat.spreadForgotten = try read()
    return beat
  }

  fileprivate mutating func readMatchQuery() throws(WireError) -> MatchQuery {
    var query = MatchQuery(jobID: try readString())
    query.task = try readOptional { (reader) throws(WireError) in try reader.readString() }
    query.minVRAMGB = try readDouble()
    query.minRAMGB = try readDouble()
    query.accel = try readStrings()
    query.tagsAny = try readStrings()
    query.tagsAll = try readStrings()
    query.capabilitiesAny = try readStrings()
    query.capabilitiesAll = try readStrings()
    query.service = try readOptional { (reader) throws(WireError) in try reader.readString() }
    query.minTrust = try readOptional { (reader) throws(WireError) in try reader.readDouble() }
    query.region = try readOptional { (reader) throws(WireError) in try reader.readString() }
    query.maxPrice = try readOptional { (reader) throws(WireError) in
      Price(units: try reader.read())
    }
    query.topK = Int(try read(UInt8.self))
    guard Limits.topK.contains(query.topK) else { throw .badValue }
    let count = Int(try read(UInt16.self))
    for _ in 0..<count { query.exclude.append(try readMinerID()) }
    query.explainsFully = try readBool()
    if remaining > 0 { query.isSpread = try readBool() }
    return query
  }

  /// Entries with their lengths before them, so that each can grow at its end.
  fileprivate mutating func readBatch<Entry>(
    _ read: (inout ByteReader) throws(WireError) -> Entry
  ) throws(WireError) -> [Entry] {
    let count = Int(try self.read(UInt16.self))
    guard Limits.batchCount.contains(count) else { throw .badValue }
    var entries: [Entry] = []
    entries.reserveCapacity(count)
    for _ in 0..<count {
      var block = try readSized()
      entries.append(try read(&block))
    }
    return entries
  }

  fileprivate mutating func readMatchAnswer() throws(WireError) -> MatchAnswer {
    let count = Int(try read(UInt16.self))
    guard count <= Limits.topK.upperBound else { throw .badValue }
    var candidates: [Candidate] = []
    candidates.reserveCapacity(count)
    for _ in 0..<count { candidates.append(try readCandidate()) }
    let counts = try readOptional { (reader) throws(WireError) in try reader.readCounts() }
    return MatchAnswer(candidates: candidates, counts: counts)
  }

  /// - Parameter all: `all`, of which the answer's text stays a part, so that a batch's are copied at once.
  fileprivate mutating func readWrittenAnswer(of all: [UInt8]) throws(WireError) -> WrittenAnswer {
    let count = Int(try read(UInt16.self))
    guard count <= Limits.topK.upperBound else { throw .badValue }
    var candidates: [WrittenAnswer.Candidate] = []
    candidates.reserveCapacity(count)
    for _ in 0..<count {
      candidates.append(
        WrittenAnswer.Candidate(
          price: Price(units: try read()), minerIDByteCount: Int(try read(UInt8.self)),
          byteCount: Int(try read(UInt32.self))))
    }
    let counts = try readOptional { (reader) throws(WireError) in try reader.readCounts() }
    let byteCount = Int(try read(UInt32.self))
    let start = position
    _ = try take(byteCount)
    guard
      let answer = WrittenAnswer(
        candidates: candidates, text: all[start..<start + byteCount], counts: counts)
    else { throw .badValue }
    return answer
  }

  private mutating func readCounts() throws(WireError) -> MatchCounts {
    let eligible = Int(try read(UInt32.self))
    let considered = Int(try read(UInt32.self))
    var rejected: [Int] = []
    for _ in 0..<Int(try read(UInt8.self)) { rejected.append(Int(try read(UInt32.self))) }
    return MatchCounts(eligible: eligible, considered: considered, rejected: rejected)
  }

  private mutating func readCandidate() throws(WireError) -> Candidate {
    let id = try readMinerID()
    let addr = try readString()
    guard let proto = MinerProtocol(code: try read()) else { throw .badValue }
    return Candidate(
      minerID: id, addr: addr, proto: proto, region: try readString(), score: try readDouble(),
      parts: ScoreParts(
        cap: try readDouble(), price: try readDouble(), latency: try readDouble(),
        trust: try readDouble(), load: try readDouble()),
      price: Price(units: try read()), trust: try readDouble(),
      etaMilliseconds: try readOptional { (reader) throws(WireError) in try reader.readDouble() })
  }

  fileprivate mutating func readFeedbackReport() throws(WireError) -> FeedbackReport {
    let coordinator = try readString()
    let jobID = try readString()
    let id = try readMinerID()
    guard let outcome = Outcome(code: try read()) else { throw .badValue }
    var report = FeedbackReport(
      coordinator: coordinator, jobID: jobID, minerID: id, outcome: outcome)
    report.latencyMilliseconds = try readOptional { (reader) throws(WireError) in
      try reader.readDouble()
    }
    report.failCode = try readOptional { (reader) throws(WireError) in try reader.readString() }
    report.tokensSpent = try readOptional { (reader) throws(WireError) in try reader.read() }
    report.idempotencyKey = try readOptional { (reader) throws(WireError) in
      try reader.readString()
    }
    if remaining == 0 { return report }
    report.offer = try readOptional { (reader) throws(WireError) in
      ProvenOffer(
        madeAt: Timestamp(milliseconds: try reader.read()), price: Price(units: try reader.read()))
    }
    return report
  }

  fileprivate mutating func readFeedbackReceipt() throws(WireError) -> FeedbackReceipt {
    var receipt = FeedbackReceipt(
      minerID: try readMinerID(), isDuplicate: try readBool(), trustScore: try readDouble(),
      previousTrustScore: try readDouble())
    if remaining == 0 { return receipt }
    receipt.evidence = try readOptional { (reader) throws(WireError) in try reader.readDouble() }
    return receipt
  }
}
