import Domain
import Messaging
import Wire

@testable import ScorerClient

/// A `DispatchState` with a clock in milliseconds, and what it did so far, sorted by kind.
struct DispatchFixture {
  struct Sent: Equatable {
    var peer: String
    var record: Record
  }

  var state: DispatchState<Int>
  var now: Int64 = 1_000
  /// Requests only; beats and welcomes are in `links`.
  var sent: [Sent] = []
  var links: [Sent] = []
  var outcomes: [Int: DispatchOutcome] = [:]
  var finishedTwice: [Int] = []
  var events: [DispatchEvent] = []

  init(limits: DispatchLimits = DispatchLimits(), speaks: ClosedRange<UInt8> = 1...1) {
    state = DispatchState(
      gatewayID: "g", limits: limits, speaks: speaks, firstRequestID: 0, now: 1_000_000)
  }

  mutating func change(_ body: (inout DispatchState<Int>, _ now: Int64) -> Void) {
    body(&state, now * 1_000)
    var actions: [DispatchAction<Int>] = []
    state.takeActions(into: &actions)
    for action in actions {
      switch action {
      case .send(let record, let peer):
        let item = Sent(peer: peer.description, record: record)
        switch record.message {
        case .matchRequest, .batchRequest, .feedbackRequest: sent.append(item)
        default: links.append(item)
        }
      case .finish(let token, let outcome):
        if outcomes.updateValue(outcome, forKey: token) != nil { finishedTwice.append(token) }
      case .report(let event): events.append(event)
      }
    }
  }

  mutating func receive(
    _ message: Message, from peer: String, id: UInt64 = 0, stream: StreamID = .zero
  ) {
    let record = Record(requestID: id, streamID: stream, message: message)
    change { $0.receive(record, from: PeerIdentity(Array(peer.utf8)), now: $1) }
  }

  mutating func greet(_ peer: String, as id: String? = nil, versions: ClosedRange<UInt8> = 1...1) {
    let hello = Hello(
      scorerID: id ?? peer, minVersion: versions.lowerBound, maxVersion: versions.upperBound)
    receive(.hello(hello), from: peer)
  }

  mutating func beat(_ peers: String..., isReady: Bool = true, lag: UInt32 = 0) {
    var beat = Beat()
    beat.isReady = isReady
    beat.lagMilliseconds = lag
    for peer in peers { receive(.beat(beat), from: peer) }
  }

  /// Scorers that greeted and are ready.
  mutating func join(_ peers: String..., versions: ClosedRange<UInt8> = 1...1) {
    for peer in peers {
      greet(peer, versions: versions)
      beat(peer)
    }
  }

  mutating func askMatch(
    _ token: Int, deadline: Int64 = 1_000, after: StreamID = .zero
  ) {
    ask(token, .matchRequest(MatchQuery(jobID: "job-\(token)")), deadline, after)
  }

  mutating func askSpread(_ token: Int, deadline: Int64 = 1_000) {
    var query = MatchQuery(jobID: "job-\(token)")
    query.isSpread = true
    ask(token, .matchRequest(query), deadline, .zero)
  }

  mutating func askBatch(_ token: Int, of count: Int, deadline: Int64 = 1_000) {
    let queries = (0..<count).map { MatchQuery(jobID: "job-\(token)-\($0)") }
    ask(token, .batchRequest(queries), deadline, .zero)
  }

  mutating func askFeedback(_ token: Int, deadline: Int64 = 1_000) {
    let report = FeedbackReport(
      coordinator: "c", jobID: "job-\(token)", minerID: MinerID("m")!, outcome: .completed)
    ask(token, .feedbackRequest(report), deadline, .zero)
  }

  private mutating func ask(
    _ token: Int, _ message: Message, _ deadline: Int64, _ after: StreamID
  ) {
    let request = DispatchRequest(
      message: message, deadline: (now + deadline) * 1_000, required: after, token: token)
    change { $0.accept(request, now: $1) }
  }

  /// The scorer answers the request that was sent as number `index`.
  mutating func answer(_ index: Int, from peer: String? = nil, stream: StreamID = .zero) {
    let item = sent[index]
    let none = MatchAnswer(candidates: [], counts: nil)
    let answer: Message =
      switch item.record.message {
      case .feedbackRequest(let report):
        .feedbackReply(
          FeedbackReceipt(
            minerID: report.minerID, isDuplicate: false, trustScore: 1, previousTrustScore: 0.5))
      case .batchRequest(let queries): .batchReply(queries.map { _ in none })
      default: .matchReply(none)
      }
    receive(answer, from: peer ?? item.peer, id: item.record.requestID, stream: stream)
  }

  mutating func fail(_ index: Int, _ code: Failure.Code, from peer: String? = nil) {
    receive(
      .failure(Failure(code)), from: peer ?? sent[index].peer, id: sent[index].record.requestID)
  }

  mutating func tick(after milliseconds: Int64) {
    now += milliseconds
    change { $0.tick(now: $1) }
  }

  mutating func lose(_ peer: String, requestIDs: [UInt64] = [], isGone: Bool) {
    change {
      $0.undeliverable(requestIDs, to: PeerIdentity(Array(peer.utf8)), isGone: isGone, now: $1)
    }
  }

  var peers: [String] { sent.map(\.peer) }
  func scorer(_ id: String) -> ScorerSnapshot? { state.snapshot.first { $0.scorerID == id } }
  func error(_ token: Int) -> DispatchError? {
    if case .failure(let error)? = outcomes[token] { error } else { nil }
  }
  func answerer(_ token: Int) -> String? { try? outcomes[token]?.get().scorerID }
}
