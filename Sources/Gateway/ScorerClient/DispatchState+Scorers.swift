import Domain
import Messaging
import Wire

/// Who is there: greetings, beats, silence, goodbyes.
extension DispatchState {
  /// Anything that came in.
  package mutating func receive(_ record: Record, from peer: PeerIdentity, now: Int64) {
    if case .hello(let hello) = record.message {
      return greeted(by: peer, hello, applied: record.streamID, now: now)
    }
    guard let place = scorers.place(of: peer) else {
      counters.strangers += 1
      // It took us for the gateway that ran here before: it shall greet. Nothing else is answered,
      // so that no two programs can go on refusing each other's refusals.
      if case .beat = record.message { refuse(peer, .notReady) }
      return
    }
    guard scorers[place].phase != .incompatible else { return }
    heard(place, now: now)
    switch record.message {
    case .matchReply, .batchReply, .writtenMatchReply, .writtenBatchReply:
      scorers[place].applied = max(scorers[place].applied, record.streamID)
      answered(record, by: place, now: now)
    case .feedbackReply: answered(record, by: place, now: now)
    case .failure(let failure): refused(record.requestID, failure.code, by: place, now: now)
    case .beat(let beat): beaten(place, beat, applied: record.streamID, now: now)
    case .goodbye: leaving(place, now: now)
    case .hello, .welcome, .matchRequest, .batchRequest, .feedbackRequest, .inspectRequest,
      .inspectReply, .unknown:
      break
    }
  }

  /// A frame could not be sent: nobody is connected under that name (`isGone`), or its queue is
  /// full.
  package mutating func undeliverable(
    _ requestIDs: [UInt64], to peer: PeerIdentity, isGone: Bool, now: Int64
  ) {
    guard let place = scorers.place(of: peer) else { return }
    isChanged = true
    if isGone {
      guard scorers[place].phase == .active || scorers[place].phase == .draining else { return }
      fallSilent(place, now: now) { .unreachable(scorerID: $0, moved: $1) }
    } else {
      scorers[place].isCongested = true
      scorers.refreshUsable()
      moveSome(requestIDs, from: place, now: now)
    }
  }

  mutating func checkSilence(now: Int64) {
    for place in scorers.occupiedPlaces {
      let silence = now - scorers[place].lastHeard
      switch scorers[place].phase {
      case .active, .draining:
        if silence >= limits.silenceMicroseconds {
          fallSilent(place, now: now) { .silent(scorerID: $0, moved: $1) }
        }
      case .silent, .incompatible:
        if silence >= limits.forgetMicroseconds { forget(place) }
      }
    }
  }

  mutating func beat() {
    for case let scorer? in scorers.all where scorer.phase != .incompatible {
      let record = Record(version: scorer.version, message: .beat(Beat()))
      actions.append(.send(record, to: scorer.peer))
    }
  }

  private mutating func greeted(
    by peer: PeerIdentity, _ hello: Hello, applied: StreamID, now: Int64
  ) {
    isChanged = true
    let version = min(hello.maxVersion, speaks.upperBound)
    let isCompatible =
      hello.minVersion <= hello.maxVersion && version >= max(hello.minVersion, speaks.lowerBound)
    let known = scorers.place(of: peer)
    if known == nil && scorers.count >= limits.scorerLimit {
      return actions.append(.report(.refusedTooMany(scorerID: hello.scorerID)))
    }
    let former = scorers.place(ofScorer: hello.scorerID)
    var scorer = DispatchScorer(
      peer: peer, id: hello.scorerID, version: isCompatible ? version : 0, lastHeard: now)
    scorer.applied = applied
    guard isCompatible else {
      return greetedIncompatibly(by: scorer, hello, known: known)
    }
    // Whoever greets knows nothing of what it was asked: a new process, or a connection that broke.
    if let known {
      _ = moveAll(from: known, now: now)
      scorers[known] = scorer
      scorers.refreshUsable()
    } else {
      _ = scorers.add(scorer)
    }
    if let former, former != known { replace(former, now: now) }
    actions.append(.report(.joined(scorerID: scorer.id, version: version)))
    let welcome = Welcome(gatewayID: gatewayID, version: version, instance: instance)
    actions.append(.send(Record(version: version, message: .welcome(welcome)), to: peer))
    dispatchWaiting(now: now)
  }

  private mutating func greetedIncompatibly(
    by scorer: DispatchScorer, _ hello: Hello, known: Int?
  ) {
    refuse(scorer.peer, .badRequest)
    if let known {
      scorers[known].lastHeard = scorer.lastHeard
      return
    }
    var scorer = scorer
    scorer.phase = .incompatible
    _ = scorers.add(scorer)
    let versions = hello.minVersion...max(hello.minVersion, hello.maxVersion)
    actions.append(.report(.incompatible(scorerID: scorer.id, versions: versions)))
  }

  private mutating func replace(_ place: Int, now: Int64) {
    let id = scorers[place].id
    scorers[place].phase = .silent
    scorers.refreshUsable()
    let moved = moveAll(from: place, now: now)
    scorers.remove(place)
    actions.append(.report(.replaced(scorerID: id, moved: moved)))
  }

  private mutating func heard(_ place: Int, now: Int64) {
    scorers[place].lastHeard = now
    guard scorers[place].phase == .silent || scorers[place].isCongested else { return }
    scorers[place].isCongested = false
    if scorers[place].phase == .silent {
      scorers[place].phase = .active
      isChanged = true
      actions.append(.report(.returned(scorerID: scorers[place].id)))
    }
    scorers.refreshUsable()
    dispatchWaiting(now: now)
  }

  private mutating func beaten(_ place: Int, _ beat: Beat, applied: StreamID, now: Int64) {
    isChanged = true
    scorers[place].beat = beat
    scorers[place].rate.note(beat.answers, now: now)
    scorers[place].isReady = beat.isReady
    scorers[place].applied = max(scorers[place].applied, applied)
    scorers.refreshUsable()
    dispatchWaiting(now: now)
  }

  /// It answers what it has. Told that nothing more comes, it knows when it has read all of that. Older
  /// ones (before version 3) may never read what crossed their goodbye on the way: so others are asked
  /// too, and the first answer counts; with nobody else there, it stays its own.
  private mutating func leaving(_ place: Int, now: Int64) {
    guard scorers[place].phase != .draining else { return }
    scorers[place].phase = .draining
    scorers.refreshUsable()
    isChanged = true
    var moved = 0
    if scorers[place].version >= 3 {
      let record = Record(version: scorers[place].version, message: .goodbye)
      actions.append(.send(record, to: scorers[place].peer))
    } else if scorers.choose(for: .match, avoiding: place) != nil {
      moved = moveAll(from: place, now: now)
    }
    actions.append(.report(.draining(scorerID: scorers[place].id, moved: moved)))
  }

  private mutating func fallSilent(
    _ place: Int, now: Int64, event: (_ scorerID: String, _ moved: Int) -> DispatchEvent
  ) {
    let isLeaving = scorers[place].phase == .draining
    scorers[place].phase = .silent
    scorers[place].isReady = scorers[place].isReady && !isLeaving
    scorers.refreshUsable()
    isChanged = true
    let moved = moveAll(from: place, now: now)
    actions.append(.report(event(scorers[place].id, moved)))
    if isLeaving { forget(place) }
  }

  private mutating func forget(_ place: Int) {
    isChanged = true
    actions.append(.report(.left(scorerID: scorers[place].id)))
    scorers.remove(place)
  }

  private mutating func refuse(_ peer: PeerIdentity, _ code: Failure.Code) {
    let record = Record(version: speaks.lowerBound, message: .failure(Failure(code)))
    actions.append(.send(record, to: peer))
  }
}
