import Domain
import Logging
import MatchText
import Messaging
import ServiceLifecycle
import Synchronization
import Threads
import Wire

@testable import ScorerClient

/// A scorer on a thread of its own that does as it is told.
final class TestScorer: Sendable {
  enum Mood: Sendable {
    case answering
    /// Takes requests and says nothing of them, but beats.
    case holding
    /// Stands still, its connection open.
    case frozen
    /// Says goodbye and answers what it held.
    case leaving
    /// Ends without a word.
    case dead
  }

  struct State {
    var mood = Mood.answering
    var held: [Record] = []
    var answeredCount = 0
    var isEnded = false
    var failure: Failure.Code?
  }

  let id: String
  let state: Mutex<State>
  private let wakeup = Wakeup()

  init(_ id: String, gateway: String, mood: Mood = .answering) {
    self.id = id
    state = Mutex(State(mood: mood))
    startThread(name: id) { [self] in
      do throws(ZMQError) {
        try turn(
          DealerSet(hello: Hello(scorerID: id), gateways: [gateway], wakeup: wakeup))
      } catch {
        print("scorer \(id): \(error)")
      }
      state.withLock { $0.isEnded = true }
    }
  }

  /// However often each was asked: where the machine stands still for long, the gateway takes requests back from a
  /// scorer that seems silent, and asks it again once it is heard.
  var heldCount: Int { state.withLock { Set($0.held.map(\.requestID)).count } }
  var answeredCount: Int { state.withLock { $0.answeredCount } }
  var isEnded: Bool { state.withLock { $0.isEnded } }

  func become(_ mood: Mood) {
    state.withLock { $0.mood = mood }
    wakeup.ring()
  }

  private func turn(_ dealers: DealerSet) throws(ZMQError) {
    while true {
      let mood = state.withLock { $0.mood }
      if mood == .dead { return }
      if mood == .frozen {
        _ = try? ZMQPause.wait(on: wakeup)
        continue
      }
      if mood == .leaving { return try leave(dealers) }
      let now = MonotonicClock.microseconds()
      dealers.tick(now: now) { (Self.readyBeat, StreamID(milliseconds: 5, sequence: 0)) }
      try dealers.receiveAll(limit: 1_000, now: now) { gateway, record in
        if mood == .holding {
          state.withLock { $0.held.append(record) }
        } else {
          answer(record, to: gateway, of: dealers)
        }
      }
      if mood == .answering { answerHeld(of: dealers) }
      try dealers.flush()
      let wait = max(0, dealers.nextTickMicroseconds - MonotonicClock.microseconds())
      _ = try dealers.poll(timeoutMilliseconds: Int(wait / 1_000 + 1))
    }
  }

  private func leave(_ dealers: DealerSet) throws(ZMQError) {
    try dealers.sayGoodbye()
    answerHeld(of: dealers)
    try dealers.flush()
    try dealers.setLinger(milliseconds: 1_000)
  }

  private func answerHeld(of dealers: DealerSet) {
    let held = state.withLock { state in
      defer { state.held = [] }
      return state.held
    }
    for record in held { answer(record, to: 0, of: dealers) }
  }

  private static let readyBeat: Beat = {
    var beat = Beat()
    beat.isReady = true
    beat.onlineMiners = 3
    return beat
  }()

  /// Nothing that is said of a miner can be longer.
  private static func longest(_ jobID: String) -> Candidate {
    let part = 1.2345678901234567e-301
    return Candidate(
      minerID: MinerID(String(repeating: "m", count: Limits.minerIDBytes))!,
      // Escapes make the most of what a text may hold.
      addr: jobID + String(repeating: "\"", count: Limits.addressBytes - jobID.utf8.count),
      proto: .grpcs, region: String(repeating: "\u{1}", count: Limits.nameBytes), score: part,
      parts: ScoreParts(cap: part, price: part, latency: part, trust: part, load: part),
      price: Price(units: Limits.priceUnits.upperBound - 1), trust: part, etaMilliseconds: part)
  }

  private func answer(_ record: Record, to gateway: Int, of dealers: DealerSet) {
    let failure = state.withLock { state in
      state.answeredCount += 1
      return state.failure
    }
    let message: Message
    switch record.message {
    case _ where failure != nil: message = .failure(Failure(failure ?? .faulty))
    case .feedbackRequest(let report):
      message = .feedbackReply(
        FeedbackReceipt(
          minerID: report.minerID, isDuplicate: false, trustScore: 0.6, previousTrustScore: 0.5))
    case .batchRequest(let queries):
      message = .writtenBatchReply(
        queries.map { query in
          let candidate = Self.longest(query.jobID)
          return MatchAnswer(
            candidates: Array(repeating: candidate, count: query.topK), counts: nil
          ).written()
        })
    default:
      let counts = MatchCounts(eligible: 0, considered: 0, rejected: [])
      message = .matchReply(MatchAnswer(candidates: [], counts: counts))
    }
    // The stream id comes back as asked, so that a test can tell answers apart.
    dealers.queue(
      Record(requestID: record.requestID, streamID: record.streamID, message: message),
      to: gateway)
  }
}

/// A short sleep that a ring ends.
private enum ZMQPause {
  static func wait(on wakeup: Wakeup) throws(ZMQError) {
    let nobody = try DealerSet(hello: Hello(scorerID: "pause"), gateways: [], wakeup: wakeup)
    _ = try nobody.poll(timeoutMilliseconds: 20)
  }
}

/// A running `ScorerClient`, ended with the closure that it is given to.
func withScorerClient(
  limits: DispatchLimits = DispatchLimits(),
  _ body: (_ client: ScorerClient, _ endpoint: String) async throws -> Void
) async throws {
  var configuration = ScorerClient.Configuration(endpoint: "tcp://127.0.0.1:*", gatewayID: "g")
  configuration.limits = limits
  var logger = Logger(label: "test")
  logger.logLevel = .critical
  let client = ScorerClient(configuration: configuration, logger: logger)
  try await withThrowingTaskGroup(of: Void.self) { group in
    group.addTask { try await client.run() }
    guard await comesTrue({ client.boundEndpoint != nil }), let endpoint = client.boundEndpoint
    else { throw DispatchError.noScorer }
    try await body(client, endpoint)
    group.cancelAll()
    try await group.waitForAll()
  }
}

/// Waits for `condition`, looking often.
/// - Returns: false when it didn't come true in 20 s.
func comesTrue(_ condition: () -> Bool) async -> Bool {
  let limit = ContinuousClock.now + .seconds(20)
  while ContinuousClock.now < limit {
    if condition() { return true }
    try? await Task.sleep(for: .milliseconds(2))
  }
  return false
}
