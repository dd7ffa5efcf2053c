import Domain
import Index
import MatchText
import Messaging
import Spread
import Wire

// What gateways ask, and what they are answered.
extension IndexLoop {
  /// Requests read in one turn: enough to share a wake-up, few enough that changes get their turn.
  private static var requestsPerTurn: Int { 256 }
  /// How long batches may keep all else waiting.
  private static var batchesMicroseconds: Int64 { 20_000 }

  /// Feedback first. After a time in which this thread stood still, all that waits is as old as the last
  /// that gateways can have sent, at least, and is taken before they hear that they may send again.
  mutating func takeRequests(now: Int64) throws(ZMQError) {
    let age = max(0, now - lastFlush - Self.sendingMicroseconds)
    var reports: [FeedbackDesk.Arrival] = []
    var others: [(gateway: Int, record: Record)] = []
    try dealers.receiveAll(limit: age > 0 ? .max : Self.requestsPerTurn, now: now) {
      gateway, record in
      if case .feedbackRequest(let report) = record.message {
        reports.append(
          FeedbackDesk.Arrival(
            report: report, requestID: record.requestID, gateway: gateway,
            deadline: Self.deadline(of: record, since: now - age)))
      } else {
        others.append((gateway, record))
      }
    }
    feedbackInWork += reports.count
    feedback.take(reports)
    for (gateway, record) in others {
      switch record.message {
      case .matchRequest(let query): take(.one(query), record, from: gateway, since: now - age)
      case .batchRequest(let queries):
        take(.batch(queries), record, from: gateway, since: now - age)
      case .inspectRequest(let ids): showHoldings(of: ids, record, to: gateway)
      default: break
      }
    }
  }

  private mutating func take(
    _ asked: ParkedMatches.Asked, _ record: Record, from gateway: Int, since start: Int64
  ) {
    guard progress.isReady else { return refuse(record.requestID, .notReady, gateway) }
    let match = ParkedMatches.Match(
      gateway: gateway, requestID: record.requestID, asked: asked, after: record.streamID,
      deadline: Self.deadline(of: record, since: start))
    if record.streamID <= progress.applied {
      answer(match)
    } else if !parked.park(match) {
      refuseAsTooMany(match)
    }
  }

  private mutating func refuseAsTooMany(_ match: ParkedMatches.Match) {
    refusedCount += UInt64(match.asked.count)
    refuse(match.requestID, .overloaded, match.gateway)
  }

  private static func deadline(of record: Record, since start: Int64) -> Int64 {
    let budget = record.budgetMicroseconds
    return start + (budget == 0 ? Int64(UInt32.max) : Int64(budget))
  }

  mutating func answerParked(now: Int64) {
    let (ready, dropped) = parked.takeReady(applied: progress.applied, now: now)
    droppedCount += UInt64(dropped)
    for match in ready { answer(match) }
  }

  /// Unless nobody waits any more: others that were read with it took their time before.
  private mutating func answer(_ match: ParkedMatches.Match) {
    switch match.asked {
    case .batch(let queries):
      let isTaken = batches.add(match, queries, areWritten: takesWritten(match.gateway))
      if !isTaken { refuseAsTooMany(match) }
    case .one(let query):
      let now = MonotonicClock.microseconds()
      guard now < match.deadline else { return droppedCount += 1 }
      if query.isSpread && batches.isEmpty { offers.settle(in: &registry, now: now) }
      let answer = find(query, now: now)
      reply(
        to: match,
        takesWritten(match.gateway) ? .writtenMatchReply(answer.written()) : .matchReply(answer))
    }
  }

  /// Those that were begun, and as far as time allows those behind them.
  mutating func answerBatches(now start: Int64) {
    var now = start
    while now - start < Self.batchesMicroseconds {
      droppedCount += UInt64(batches.dropLate(now: now))
      guard let query = batches.next else { break }
      if batches.isAtStart { offers.settle(in: &registry, now: now) }
      if let batch = batches.take(find(query, now: now)) { reply(to: batch.match, batch.reply) }
      now = MonotonicClock.microseconds()
    }
  }

  private mutating func find(_ query: MatchQuery, now: Int64) -> MatchAnswer {
    let time = Timestamp.now
    let leaseTime = leases.leaseTime(at: time)
    let answer = newcomers.answer(query) { query in
      registry.match(query, at: time, leaseTime: leaseTime)
    }
    if query.isSpread { offers.note(answer.candidates, in: &registry, now: now) }
    answerCount += 1
    return answer
  }

  /// Whether the gateway is of a version that takes answers as coordinators read them.
  private func takesWritten(_ gateway: Int) -> Bool {
    dealers.version(agreedWith: gateway).map { $0 >= Record.writtenAnswersVersion } ?? false
  }

  private func reply(to match: ParkedMatches.Match, _ message: Message) {
    dealers.queue(
      Record(requestID: match.requestID, streamID: progress.applied, message: message),
      to: match.gateway)
  }

  mutating func reply(_ answer: FeedbackAnswer) {
    feedbackInWork -= 1
    if case .failure(let failure) = answer.record.message {
      if failure.code == .deadlinePassed { droppedCount += 1 }
      if failure.code == .overloaded { refusedCount += 1 }
    }
    dealers.queue(answer.record, to: answer.gateway)
  }

  private func showHoldings(of ids: [MinerID], _ record: Record, to gateway: Int) {
    let now = Timestamp.now
    let holdings = ids.compactMap { registry.holding(of: $0, at: now) }
    dealers.queue(
      Record(
        requestID: record.requestID, streamID: progress.applied, message: .inspectReply(holdings)),
      to: gateway)
  }

  private func refuse(_ requestID: UInt64, _ code: Failure.Code, _ gateway: Int) {
    dealers.queue(Record(requestID: requestID, message: .failure(Failure(code))), to: gateway)
  }
}
