import Domain
import Glibc
import Index
import Logging
import Messaging
import Spread
import Threads
import Trust
import Wire

/// The index thread's life: take what other threads posted, take what gateways ask, answer, sleep.
struct IndexLoop<Index: MinerIndex> {
  private static var tickMicroseconds: Int64 { 1_000_000 }
  private static var maintenanceMicroseconds: Int64 { 100_000 }
  /// How long unfinished work may hold up the end.
  private static var leaveMicroseconds: Int64 { 5_000_000 }
  private static var lingerMilliseconds: Int32 { 1_000 }
  /// A gateway sends nothing more to a scorer that has been silent for so long, all told.
  static var sendingMicroseconds: Int64 { 800_000 }
  /// After a standstill the messages' own thread needs a moment to bring in what came meanwhile.
  private static var wakingMicroseconds: UInt32 { 50_000 }

  let inbox: IndexInbox
  let feedback: FeedbackDesk
  let logger: Logger
  let makeIndex: @Sendable (Weights) -> Index
  var weights: Weights
  var newcomers: NewcomerPolicy
  let dealers: DealerSet
  var registry: Registry<Index>
  var leases: LeaseClock
  var progress: StreamProgress
  var parked = ParkedMatches()
  var batches = BatchesInWork()
  var offers: RecentOffers
  var statistics: RegistryStatistics
  var answerCount: UInt64 = 0
  var droppedCount: UInt64 = 0
  var refusedCount: UInt64 = 0
  var delays = DelayCounts()
  var feedbackInWork = 0
  /// When gateways could last hear of this scorer.
  var lastFlush = MonotonicClock.microseconds()
  var nextTick: Int64 = 0
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

  mutating func leave() {
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

  func look(at announced: [GatewayAnnouncement]) {
    guard leaveBy == nil else { return }
    do {
      try dealers.look(at: announced)
    } catch {
      logger.warning("gateways could not be looked at", metadata: ["reason": "\(error)"])
    }
  }
}
