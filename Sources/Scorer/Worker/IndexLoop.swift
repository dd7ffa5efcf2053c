import Domain
import Glibc
import Index
import Logging
import MatchText
import Messaging
import Spread
import Threads
import Trust
import Wire

/// The index thread's life: take what other threads posted, take what gateways ask, answer, sleep.
struct IndexLoop<Index: MinerIndex> {
  /// Requests read in one turn: enough to share a wake-up, few enough that changes get their turn.
  private static var requestsPerTurn: Int { 256 }
  private static var tickMicroseconds: Int64 { 1_000_000 }
  private static var maintenanceMicroseconds: Int64 { 100_000 }
  /// How long unfinished work may hold up the end.
  private static var leaveMicroseconds: Int64 { 5_000_000 }
  private static var lingerMilliseconds: Int32 { 1_000 }
  /// How long batches may keep all else waiting.
  private static var batchesMicroseconds: Int64 { 20_000 }
  /// A gateway sends nothing more to a scorer that has been silent for so long, all told.
  private static var sendingMicroseconds: Int64 { 800_000 }
  /// After a standstill the messages' own thread needs a moment to bring in what came meanwhile.
  private static var wakingMicroseconds: UInt32 { 50_000 }

  private let inbox: IndexInbox
  private let feedback: FeedbackDesk
  private let logger: Logger
  private let makeIndex: @Sendable (Weights) -> Index
  private var weights: Weights
  private var newcomers: NewcomerPolicy
  private let dealers: DealerSet
  private var registry: Registry<Index>
  private var leases: LeaseClock
  private var progress: StreamProgress
  private var parked = ParkedMatches()
  private var batches = BatchesInWork()
  private var offers: RecentOffers
  private var statistics: RegistryStatistics
  private var answerCount: UInt64 = 0
  private var droppedCount: UInt64 = 0
  private var refusedCount: UInt64 = 0
  private var delays = DelayCounts()
  private var feedbackInWork = 0
  /// When gateways could last hear of this scorer.
  private var lastFlush = MonotonicClock.microseconds()
  private var nextTick: Int64 = 0
  private var nextMaintenance: Int64 = 0
  private var linkFaults = LinkFaultLog()
  private var auditLog = AuditLog()
  /// Set once goodbye was said: when to end even with work unfinished.
  private var leaveBy: Int64?

  /// - Parameter makeIndex: without miners.
  init(
    options: IndexThread.Options, inbox: IndexInbox, feedback: FeedbackDesk, logger: Logger,
    makeIndex: @escaping @Sendable (Weights) -> Index
  ) throws(ZMQError) {
    self.makeIndex = makeIndex
    weights = options.weights
    self.inbox = inbox
    self.feedback = feedback
    self.logger = logger
    newcomers = options.newcomers
    offers = RecentOffers(lifetimeMilliseconds: options.spreadMilliseconds)
    registry = Registry(
      index: makeIndex(options.weights), graceMilliseconds: options.graceMilliseconds)
    leases = LeaseClock(trustMilliseconds: options.registryTrustMilliseconds)
    progress = StreamProgress(startedAt: .now)
    statistics = registry.statistics
    var linking = ZMQOptions()
    linking.curve = options.curve
    dealers = try DealerSet(
      hello: Hello(scorerID: options.scorerID), gateways: options.gateways, wakeup: inbox.wakeup,
      options: linking)
  }

  mutating func run() throws(ZMQError) {
    while !isDone {
      _ = try dealers.poll(timeoutMilliseconds: sleepMilliseconds())
      if hasStoodStill { usleep(Self.wakingMicroseconds) }
      takeEvents()
      // Changes may have taken their time; what came meanwhile mustn't look older than it is.
      let now = MonotonicClock.microseconds()
      inbox.pulse.turned(at: now)
      try takeRequests(now: now)
      answerParked(now: now)
      answerBatches(now: now)
      tick(now: now)
      LinkEventLog.log(dealers.takeEvents(), to: logger)
      try flush()
    }
    try dealers.setLinger(milliseconds: Self.lingerMilliseconds)
  }

  private var hasStoodStill: Bool {
    MonotonicClock.microseconds() - lastFlush > Self.sendingMicroseconds
  }

  private var isDone: Bool {
    guard let leaveBy else { return false }
    let now = MonotonicClock.microseconds()
    let isIdle = parked.isEmpty && batches.isEmpty && feedbackInWork == 0
    return (isIdle && dealers.hasLeft(now: now)) || leaveBy <= now
  }

  private func sleepMilliseconds() -> Int {
    if !batches.isEmpty { return 0 }
    // Parked matches have deadlines of their own; a short sleep is a simple way to keep them all.
    let limit: Int64 = parked.isEmpty ? 100_000 : 5_000
    let wake = min(dealers.nextTickMicroseconds, nextTick)
    let left = min(limit, wake - MonotonicClock.microseconds())
    return Int(max(0, left + 999) / 1_000)
  }

  // MARK: Changes

  private mutating func takeEvents() {
    for event in inbox.takeAll() {
      switch event {
      case .streamReachable(let isReachable): streamReachable(isReachable)
      case .entries(let changes, let id):
        apply(changes)
        progress.entriesApplied(upTo: id, at: .now)
        noteDelays(of: changes)
      case .snapshotStarted(let generation): progress.snapshotStarted(generation: generation)
      case .snapshotPart(let changes): apply(changes)
      case .snapshotLoaded(let generation, let id): snapshotLoaded(generation, upTo: id)
      case .gateways(let announced): look(at: announced)
      case .answers(let answers): for answer in answers { reply(answer) }
      case .ranking(let weights, let newcomers): rank(by: weights, newcomers)
      case .stop: leave()
      }
    }
  }

  private mutating func apply(_ changes: [Change]) {
    registry.apply(changes, at: leases.leaseTime(at: .now))
  }

  /// From a heartbeat's arrival at its gateway to here.
  private mutating func noteDelays(of changes: [Change]) {
    let now = Timestamp.now
    for case .status(_, let patch) in changes {
      delays.record(milliseconds: now.milliseconds(since: patch.at))
    }
  }

  private mutating func rank(by weights: Weights, _ newcomers: NewcomerPolicy) {
    self.newcomers = newcomers
    guard weights != self.weights else { return }
    self.weights = weights
    let started = MonotonicClock.microseconds()
    let makeIndex = makeIndex
    registry.move(to: { makeIndex(weights) }, leaseTime: leases.leaseTime(at: .now))
    if progress.isReady { refresh() }
    let milliseconds = (MonotonicClock.microseconds() - started) / 1_000
    logger.notice("the weights are new", metadata: ["took-ms": "\(milliseconds)"])
  }

  private mutating func streamReachable(_ isReachable: Bool) {
    progress.reachable(isReachable, at: .now)
    if isReachable {
      leases.streamReachable(at: .now)
    } else {
      leases.streamUnreachable(at: .now)
    }
  }

  private mutating func snapshotLoaded(_ generation: Int, upTo id: StreamID) {
    let wasReady = progress.isReady
    // A large fleet's first order takes its time: before anybody can ask.
    if !wasReady { refresh() }
    progress.snapshotLoaded(generation: generation, upTo: id)
    nextTick = 0
    guard progress.isReady && !wasReady else { return }
    dealers.beatSoon()
    logger.notice("ready", metadata: ["miners": "\(registry.statistics.known)"])
  }

  private mutating func tick(now: Int64) {
    if nextTick <= now {
      nextTick = now + Self.tickMicroseconds
      // While a fleet comes in nobody asks, and order made now would have to be made again.
      if progress.isReady { refresh() } else { statistics = registry.statistics }
      if batches.isEmpty { offers.settle(in: &registry, now: now) }
      auditLog.log(now: now, of: registry.audit?.differences, to: logger) {
        registry.takeAuditDifference()
      }
      linkFaults.log(dealers.counters, to: logger, now: now)
      inbox.pulse.show(
        isReady: progress.isReady, minerCount: statistics.known,
        isStreamReachable: progress.isReachable)
    }
    if nextMaintenance <= now {
      nextMaintenance = now + Self.maintenanceMicroseconds
      registry.maintain()
    }
    dealers.tick(now: now) { (beat(), progress.applied) }
  }

  private mutating func refresh() {
    registry.tick(at: .now, leaseTime: leases.leaseTime(at: .now))
    statistics = registry.statistics
  }

  private func beat() -> Beat {
    var beat = Beat()
    beat.isReady = progress.isReady && leaveBy == nil
    beat.isStreamReachable = progress.isReachable
    beat.lagMilliseconds = progress.lagMilliseconds(at: .now)
    beat.answers = answerCount
    beat.waiting = UInt32(clamping: parked.count + batches.count + feedbackInWork)
    beat.dropped = droppedCount
    beat.refused = refusedCount
    beat.delays = delays
    beat.spreadOffers = UInt32(clamping: offers.count)
    beat.spreadForgotten = offers.forgottenCount
    beat.knownMiners = UInt32(clamping: statistics.known)
    beat.liveMiners = UInt32(clamping: statistics.live)
    beat.onlineMiners = UInt32(clamping: statistics.online)
    beat.avgLatencyMilliseconds = statistics.avgLatencyMilliseconds
    if let audit = registry.audit {
      beat.auditedAnswers = UInt64(audit.answers)
      beat.auditDifferences = UInt64(audit.differences)
    }
    beat.regions = statistics.onlineByRegion
      .sorted { ($1.value, $0.key) < ($0.value, $1.key) }
      .prefix(Beat.regionLimit)
      .map { Beat.Region(name: $0.key, online: UInt32(clamping: $0.value)) }
    return beat
  }

  // MARK: Requests

  /// Feedback first. After a time in which this thread stood still, all that waits is as old as the last
  /// that gateways can have sent, at least, and is taken before they hear that they may send again.
  private mutating func takeRequests(now: Int64) throws(ZMQError) {
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

  private mutating func answerParked(now: Int64) {
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
  private mutating func answerBatches(now start: Int64) {
    var now = start
    while now - start < Self.batchesMicroseconds, let step = batches.next(now: now) {
      switch step {
      case .answer(let query):
        if batches.isAtStart { offers.settle(in: &registry, now: now) }
        let answer = find(query, now: now)
        if let batch = batches.take(answer) {
          reply(to: batch.match, batch.reply)
        }
      case .drop(let batch): droppedCount += UInt64(batch.queries.count - batch.answeredCount)
      }
      now = MonotonicClock.microseconds()
    }
  }

  private mutating func find(_ query: MatchQuery, now: Int64) -> MatchAnswer {
    let (time, leaseTime) = (Timestamp.now, leases.leaseTime(at: .now))
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

  private mutating func reply(_ answer: FeedbackAnswer) {
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

  // MARK: Links

  private mutating func leave() {
    guard leaveBy == nil else { return }
    leaveBy = MonotonicClock.microseconds() + Self.leaveMicroseconds
    do {
      try dealers.sayGoodbye()
    } catch {
      logger.warning("goodbye could not be said", metadata: ["reason": "\(error)"])
    }
  }

  private mutating func flush() throws(ZMQError) {
    try dealers.flush()
    lastFlush = MonotonicClock.microseconds()
  }

  private func look(at announced: [GatewayAnnouncement]) {
    guard leaveBy == nil else { return }
    do {
      try dealers.look(at: announced)
    } catch {
      logger.warning("gateways could not be looked at", metadata: ["reason": "\(error)"])
    }
  }
}
