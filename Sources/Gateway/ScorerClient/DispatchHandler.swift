import Domain
import Logging
import Messaging
import Synchronization
import Wire

/// What is handed to the router's thread.
enum DispatchCommand: Sendable {
  case ask(DispatchRequest<DispatchWaiter>)
  /// Finish what is in flight, for so long at most.
  case drain
  case abandon
}

/// What other threads may look at without waiting for the router's.
final class DispatchView: Sendable {
  struct Content {
    var scorers: [ScorerSnapshot] = []
    var counters = DispatchCounters()
    var waitingCount = 0
    /// Refused before the router's thread even saw them.
    var unseenCount = 0
    var boundEndpoint: String?
  }

  let content = Mutex(Content())
  /// When the router's thread last looked around.
  let lookedAt = Atomic<Int64>(MonotonicClock.microseconds())
}

/// Performs what `DispatchState` decides, on the router's thread.
struct DispatchHandler: RouterHandler {
  private var state: DispatchState<DispatchWaiter>
  private var actions: [DispatchAction<DispatchWaiter>] = []
  private var deliveries = DispatchDeliveries()
  /// When draining gives up; nil: not draining.
  private var drainDeadline: Int64?
  private var refusals = RefusalLog()
  private let view: DispatchView
  private let logger: Logger

  init(configuration: ScorerClient.Configuration, view: DispatchView, logger: Logger) {
    state = DispatchState(
      gatewayID: configuration.gatewayID, instance: configuration.instance,
      limits: configuration.limits, firstRequestID: .random(in: 1...UInt64.max),
      now: MonotonicClock.microseconds())
    self.view = view
    self.logger = logger
  }

  var nextTickMicroseconds: Int64 { state.nextTickMicroseconds }
  var isFinished: Bool { drainDeadline != nil && state.pendingCount == 0 }

  mutating func perform(_ commands: [DispatchCommand], now: Int64, outbox: inout RouterOutbox) {
    for command in commands {
      switch command {
      case .ask(let request): state.accept(request, now: now)
      case .drain:
        state.stop()
        drainDeadline = drainDeadline ?? now + state.limits.drainMicroseconds
      case .abandon:
        state.abandonAll()
        drainDeadline = now
      }
    }
    performActions(outbox: &outbox)
  }

  mutating func receive(
    _ records: [Record], from peer: PeerIdentity, now: Int64, outbox: inout RouterOutbox
  ) {
    for record in records { state.receive(record, from: peer, now: now) }
    performActions(outbox: &outbox)
  }

  mutating func undeliverable(
    _ requestIDs: [UInt64], to peer: PeerIdentity, isGone: Bool, now: Int64,
    outbox: inout RouterOutbox
  ) {
    state.undeliverable(requestIDs, to: peer, isGone: isGone, now: now)
    performActions(outbox: &outbox)
  }

  mutating func tick(now: Int64, outbox: inout RouterOutbox) {
    view.lookedAt.store(now, ordering: .relaxed)
    if let deadline = drainDeadline, deadline <= now { state.abandonAll() }
    state.tick(now: now)
    performActions(outbox: &outbox)
  }

  mutating func turnEnded() { deliveries.deliver() }

  mutating func refused(_ refusal: LinkRefusal, now: Int64) {
    refusals.log(refusal, to: logger, now: now)
  }

  mutating func end(unperformed: [DispatchCommand]) {
    state.abandonAll()
    state.takeActions(into: &actions)
    for case .finish(let waiter, let outcome) in actions { deliveries.add(outcome, for: waiter) }
    for case .ask(let request) in unperformed {
      deliveries.add(.failure(.noScorer), for: request.token)
    }
    deliveries.deliver()
    view.content.withLock { content in
      content.scorers = []
      content.boundEndpoint = nil
    }
  }

  private mutating func performActions(outbox: inout RouterOutbox) {
    // Shown before anybody resumes, so that whoever got an answer sees what led to it.
    if state.isChanged { show() }
    state.takeActions(into: &actions)
    for action in actions {
      switch action {
      case .send(let record, let peer): outbox.send(record, to: peer)
      case .finish(let waiter, let outcome): deliveries.add(outcome, for: waiter)
      case .report(let event): logger.report(event)
      }
    }
  }

  private mutating func show() {
    state.markShown()
    let scorers = state.snapshot
    let counters = state.counters
    let waitingCount = state.waitingCount
    view.content.withLock { content in
      content.scorers = scorers
      content.counters = counters
      content.waitingCount = waitingCount
    }
  }
}

extension Logger {
  fileprivate func report(_ event: DispatchEvent) {
    switch event {
    case .joined(let id, let version):
      info("scorer joined", metadata: ["scorer": "\(id)", "version": "\(version)"])
    case .incompatible(let id, let versions):
      let spoken = "\(versions.lowerBound) to \(versions.upperBound)"
      error(
        "scorer speaks no common version", metadata: ["scorer": "\(id)", "spoken": "\(spoken)"])
    case .refusedTooMany(let id):
      error("scorer refused: too many", metadata: ["scorer": "\(id)"])
    case .replaced(let id, let moved): lost("scorer replaced", id, moved)
    case .silent(let id, let moved): lost("scorer silent", id, moved)
    case .unreachable(let id, let moved): lost("scorer unreachable", id, moved)
    case .draining(let id, let moved):
      info("scorer draining", metadata: ["scorer": "\(id)", "moved": "\(moved)"])
    case .circuitOpened(let id):
      warning("scorer errs; asked only as a last resort", metadata: ["scorer": "\(id)"])
    case .circuitClosed(let id): info("scorer answers again", metadata: ["scorer": "\(id)"])
    case .returned(let id): info("scorer returned", metadata: ["scorer": "\(id)"])
    case .left(let id): info("scorer left", metadata: ["scorer": "\(id)"])
    }
  }

  private func lost(_ message: Logger.Message, _ id: String, _ moved: Int) {
    warning(message, metadata: ["scorer": "\(id)", "moved": "\(moved)"])
  }
}
