import Domain
import Index
import Messaging
import Trust
import Wire

// What other threads tell the index thread.
extension IndexLoop {
  mutating func takeEvents() {
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

  mutating func refresh() {
    registry.tick(at: .now, leaseTime: leases.leaseTime(at: .now))
    statistics = registry.statistics
  }
}
