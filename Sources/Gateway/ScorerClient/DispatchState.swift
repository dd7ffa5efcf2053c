import Domain
import Messaging
import Wire

/// Who answers what: every scorer that greeted, every request that has no answer yet. Pure: what
/// happens comes in with the time in microseconds, what to do goes out as actions, in order.
///
/// `Token` stands for whoever waits for the answer.
package struct DispatchState<Token> {
  struct Pending {
    var request: DispatchRequest<Token>
    /// nil while it waits.
    var place: Int?
    /// Who was asked too, and hasn't answered either.
    var copyPlace: Int?
    /// Where it may not go: the scorer that gave it up.
    var avoidedPlace: Int?
    var retriesLeft: Int
    /// When it was sent last; nil: never.
    var sentAt: Int64?
    let kind: RequestKind
    let weight: Int

    init(_ request: DispatchRequest<Token>, retriesLeft: Int) {
      self.request = request
      self.retriesLeft = retriesLeft
      (kind, weight) = (request.kind, request.weight)
    }

    var isWaiting: Bool { place == nil }
  }

  let limits: DispatchLimits
  let gatewayID: String
  /// Drawn at this gateway's start; 0 where nobody asks.
  let instance: UInt64
  let speaks: ClosedRange<UInt8>
  var scorers: DispatchScorers
  var actions: [DispatchAction<Token>] = []
  package internal(set) var counters = DispatchCounters()
  /// Something that `snapshot` shows has changed since `markShown`.
  package internal(set) var isChanged = true

  var pending: [UInt64: Pending] = [:]
  private var waiting = WaitingRequests()
  /// How many matches wait, with those of batches.
  private var waitingMatchCount = 0
  private var wheel: DeadlineWheel
  var hedging: DispatchHedging?
  private var lastRequestID: UInt64
  private var nextBeat: Int64
  private var isStopping = false

  /// - Parameters:
  ///   - speaks: the wire versions that this gateway offers.
  ///   - firstRequestID: random in production, so that an answer to a question that this gateway's
  ///     last run asked is nobody's.
  package init(
    gatewayID: String, instance: UInt64 = 0, limits: DispatchLimits = DispatchLimits(),
    speaks: ClosedRange<UInt8> = Record.spokenVersions.lowerBound...Record.currentVersion,
    firstRequestID: UInt64, now: Int64
  ) {
    self.gatewayID = gatewayID
    self.instance = instance
    self.limits = limits
    self.speaks = speaks
    scorers = DispatchScorers(limits: limits)
    wheel = DeadlineWheel(now: now)
    if limits.hedgeMicroseconds > 0 { hedging = DispatchHedging(limits: limits, now: now) }
    lastRequestID = firstRequestID
    nextBeat = now
  }

  package var pendingCount: Int { pending.count }
  /// How much all of those count for.
  var pendingWeight: Int { pending.values.reduce(0) { $0 + $1.weight } }
  /// Requests that two scorers are asked for.
  var copyCount: Int { pending.values.count { $0.copyPlace != nil } }
  package var waitingCount: Int { waiting.count(of: .feedback) + waitingMatchCount }
  package var nextTickMicroseconds: Int64 {
    min(nextBeat, wheel.nextMicroseconds, hedging?.nextMicroseconds ?? .max)
  }
  package var snapshot: [ScorerSnapshot] { scorers.all.compactMap { $0?.snapshot } }

  package mutating func markShown() { isChanged = false }

  /// Swaps what is to be done for `spent`, whose storage is reused.
  package mutating func takeActions(into spent: inout [DispatchAction<Token>]) {
    spent.removeAll(keepingCapacity: true)
    swap(&actions, &spent)
  }

  /// Takes a request, and sends it, lets it wait, or refuses it.
  package mutating func accept(_ request: DispatchRequest<Token>, now: Int64) {
    counters.accepted += 1
    if isStopping { return finish(request.token, .failure(.noScorer)) }
    if request.deadline <= now { return finish(request.token, .failure(.deadline)) }
    let entry = Pending(request, retriesLeft: limits.retryLimit)
    let place = waiting.count(of: entry.kind) == 0 ? scorers.choose(for: entry.kind) : nil
    if place == nil, let error = refusal(of: entry.kind) {
      return finish(request.token, .failure(error))
    }
    lastRequestID &+= 1
    if lastRequestID == 0 { lastRequestID = 1 }
    wheel.insert(lastRequestID, deadline: request.deadline)
    if let place {
      send(lastRequestID, entry, to: place, now: now)
      if request.mayBeCopied { tryErring(lastRequestID, now: now) }
    } else {
      wait(lastRequestID, entry)
      dispatchWaiting(now: now)
    }
  }

  /// Why one more of this kind may not wait.
  private func refusal(of kind: RequestKind) -> DispatchError? {
    let count = kind == .feedback ? waiting.count(of: .feedback) : waitingMatchCount
    if count >= limits.queueLimit { return .overloaded }
    return scorers.areTooOld(for: kind) ? .outdated : nil
  }

  /// An answer from the scorer at `place`. The first one counts, whoever gives it.
  mutating func answered(_ record: Record, by place: Int, now: Int64) {
    guard let entry = pending[record.requestID] else {
      counters.late += 1
      return succeeded(place)
    }
    let reply = DispatchReply(
      message: record.message, streamID: record.streamID, scorerID: scorers[place].id)
    let fits = entry.request.isAnswered(by: record.message)
    if fits { succeeded(place) } else { erred(place, now: now) }
    if entry.copyPlace == place { counters.hedgesWon += 1 }
    remove(record.requestID, entry)
    finish(entry.request.token, fits ? .success(reply) : .failure(.faulty))
    dispatchWaiting(now: now)
  }

  /// The scorer at `place` can't or won't.
  mutating func refused(_ requestID: UInt64, _ code: Failure.Code, by place: Int, now: Int64) {
    guard let entry = pending[requestID], entry.place == place || entry.copyPlace == place else {
      counters.late += 1
      return
    }
    if entry.isFault(code) { erred(place, now: now) }
    if code == .notReady && scorers[place].isReady {
      // Until its next beat says otherwise.
      scorers[place].isReady = false
      scorers.refreshUsable()
    }
    let hasOther =
      code == .notReady
      || scorers.choose(for: entry.kind, avoiding: place) != nil
    if entry.copyPlace != nil {
      // The other one that was asked may still answer.
      move(requestID, avoiding: place, isRetry: true, now: now)
    } else if entry.mayBeAskedElsewhere(after: code) && entry.retriesLeft > 0 && hasOther {
      counters.retried += 1
      move(requestID, avoiding: place, isRetry: true, now: now)
    } else {
      remove(requestID, entry)
      finish(entry.request.token, .failure(DispatchError(code)))
    }
    dispatchWaiting(now: now)
  }

  /// Hands all that the scorer at `place` holds to others, or lets it wait for one.
  /// - Returns: how many.
  mutating func moveAll(from place: Int, now: Int64) -> Int {
    let ids = requests(at: place)
    for id in ids { move(id, avoiding: place, isRetry: false, now: now) }
    counters.moved += ids.count
    return ids.count
  }

  /// Hands `requestIDs`, as far as the scorer at `place` holds them, to others.
  mutating func moveSome(_ requestIDs: [UInt64], from place: Int, now: Int64) {
    for id in requestIDs where pending[id]?.place == place || pending[id]?.copyPlace == place {
      move(id, avoiding: place, isRetry: false, now: now)
      counters.moved += 1
    }
  }

  /// Gives what waits to scorers that have room: feedback first, of matches and batches the older.
  mutating func dispatchWaiting(now: Int64) {
    while sendFirst(of: .feedback, now: now) {}
    while waitingMatchCount > 0 {
      let kinds: (RequestKind, RequestKind) =
        isBatchNext ? (.batch, .match) : (.match, .batch)
      guard sendFirst(of: kinds.0, now: now) || sendFirst(of: kinds.1, now: now) else { return }
    }
  }

  /// Whether a batch has waited longer than any match. Ids tell, since they count up.
  private var isBatchNext: Bool {
    mutating get {
      guard let batch = firstWaiting(.batch) else { return false }
      guard let match = firstWaiting(.match) else { return true }
      return Int64(bitPattern: batch &- match) < 0
    }
  }

  private mutating func firstWaiting(_ kind: RequestKind) -> UInt64? {
    if waiting.count(of: kind) == 0 { return nil }
    return waiting.first(of: kind) { [pending] in pending[$0]?.isWaiting ?? false }
  }

  /// - Returns: false when none of this kind waits, or nobody has room for it.
  private mutating func sendFirst(of kind: RequestKind, now: Int64) -> Bool {
    guard waiting.count(of: kind) > 0, let place = scorers.choose(for: kind) else { return false }
    let next = waiting.popFirst(
      of: kind, where: { [pending] in pending[$0]?.isWaiting ?? false })
    guard let id = next, let entry = pending[id] else { return false }
    if kind != .feedback { waitingMatchCount -= entry.weight }
    // Better a scorer that gave it up before than none.
    let other = entry.avoidedPlace == place ? scorers.choose(for: kind, avoiding: place) : nil
    send(id, entry, to: other ?? place, now: now)
    return true
  }

  /// Fails what is past its deadline, looks who has fallen silent, beats.
  package mutating func tick(now: Int64) {
    for id in wheel.expire(now: now, isWanted: { [pending] in pending[$0] != nil }) {
      guard let entry = pending[id] else { continue }
      counters.expired += 1
      blameOverdue(entry, now: now)
      remove(id, entry)
      finish(entry.request.token, .failure(entry.sentAt != nil ? .deadline : .noScorer))
    }
    hedgeSlow(now: now)
    if nextBeat <= now {
      nextBeat = now + limits.beatMicroseconds
      checkSilence(now: now)
      for place in scorers.erringPlaces { scorers[place].circuit.tick(now: now) }
      beat()
      isChanged = true
    }
    dispatchWaiting(now: now)
  }

  /// Takes no more requests; what was accepted is still answered.
  package mutating func stop() { isStopping = true }

  /// Fails all that has no answer.
  package mutating func abandonAll() {
    isStopping = true
    for (id, entry) in pending.sorted(by: { $0.key < $1.key }) {
      remove(id, entry)
      finish(entry.request.token, .failure(.noScorer))
    }
  }

  func requests(at place: Int) -> [UInt64] {
    pending.filter { $0.value.place == place || $0.value.copyPlace == place }.keys.sorted()
  }

  private mutating func move(_ id: UInt64, avoiding place: Int, isRetry: Bool, now: Int64) {
    guard var entry = pending[id] else { return }
    scorers[place].countInFlight(-entry.weight, of: entry.kind)
    if let copyPlace = entry.copyPlace {
      // Whoever else was asked has it alone now.
      entry.place = copyPlace == place ? entry.place : copyPlace
      entry.copyPlace = nil
      pending[id] = entry
      return
    }
    entry.place = nil
    entry.avoidedPlace = place
    if isRetry { entry.retriesLeft -= 1 }
    if waiting.count(of: entry.kind) == 0,
      let other = scorers.choose(for: entry.kind, avoiding: place)
    {
      send(id, entry, to: other, now: now)
    } else {
      wait(id, entry)
    }
  }

  private mutating func wait(_ id: UInt64, _ entry: Pending) {
    pending[id] = entry
    waiting.append(id, entry.kind)
    if entry.kind != .feedback { waitingMatchCount += entry.weight }
  }

  private mutating func send(_ id: UInt64, _ entry: Pending, to place: Int, now: Int64) {
    var entry = entry
    entry.place = place
    entry.sentAt = now
    pending[id] = entry
    sendRecord(id, entry, to: place, now: now)
    if entry.request.mayBeCopied { hedging?.watch(id, sentAt: now) }
  }

  /// The scorer at `place` has one more in flight.
  mutating func sendRecord(_ id: UInt64, _ entry: Pending, to place: Int, now: Int64) {
    scorers[place].countInFlight(entry.weight, of: entry.kind)
    let left = UInt32(clamping: max(1, entry.request.deadline - now))
    let record = Record(
      version: scorers[place].version, requestID: id, budgetMicroseconds: left,
      streamID: entry.request.required, message: entry.request.message)
    actions.append(.send(record, to: scorers[place].peer))
  }

  private mutating func remove(_ id: UInt64, _ entry: Pending) {
    pending[id] = nil
    if let copyPlace = entry.copyPlace {
      scorers[copyPlace].countInFlight(-entry.weight, of: entry.kind)
    }
    if let place = entry.place {
      scorers[place].countInFlight(-entry.weight, of: entry.kind)
    } else {
      if entry.kind != .feedback { waitingMatchCount -= entry.weight }
      waiting.removeOne(of: entry.kind) { [pending] in pending[$0]?.isWaiting ?? false }
    }
  }

  private mutating func finish(_ token: Token, _ outcome: DispatchOutcome) {
    switch outcome {
    case .success: counters.answered += 1
    case .failure(let error):
      counters.failed += 1
      if error == .overloaded { counters.overloaded += 1 }
    }
    actions.append(.finish(token, outcome))
  }
}

extension DispatchError {
  fileprivate init(_ code: Failure.Code) {
    self =
      switch code {
      case .deadlinePassed: .deadline
      case .overloaded: .overloaded
      case .notReady: .noScorer
      case .unknownMiner: .unknownMiner
      case .keyReused: .keyReused
      case .storeUnavailable: .storeUnavailable
      case .badRequest, .faulty: .faulty
      }
  }
}
