import Domain
import Messaging
import Synchronization
import Wire

/// A gateway that serves nobody: scorers greet it like any other, it hears their beats, and it asks them
/// what they hold.
package final class Inspector: Sendable {
  /// What a scorer said last.
  package struct Sighting: Sendable {
    package var beat: Beat
    package var applied: StreamID
    /// Microseconds of `MonotonicClock`.
    package var at: Int64
  }

  package struct Failed: Error, CustomStringConvertible {
    package let description: String
  }

  private typealias Answer = CheckedContinuation<[MinerHolding], any Error>

  fileprivate enum Command: Sendable {
    case ask(String, [MinerID], CheckedContinuation<[MinerHolding], any Error>)
    case end
  }

  package let endpoint: String
  private let mailbox = Mailbox<Command>(limit: 1_024)
  fileprivate let sightings = Mutex([String: Sighting]())

  /// - Parameter endpoint: where it binds; scorers have it among their gateways.
  package init(endpoint: String) { self.endpoint = endpoint }

  /// Serves until `stop`.
  package func run() async throws {
    try await RouterThread<InspectorHandler>.run(
      endpoint: endpoint, options: ZMQOptions(), mailbox: mailbox, counters: MessagingCounters(),
      onBound: { _ in }, makeHandler: { [self] in InspectorHandler(inspector: self) })
  }

  package func stop() { _ = mailbox.post(.end, isUrgent: true) }

  /// The scorers that were heard of, by id.
  package var seen: [String: Sighting] { sightings.withLock { $0 } }

  /// What `scorer` holds of these miners, in the order given; those that it doesn't know are left out.
  package func holdings(of ids: [MinerID], in scorer: String) async throws -> [MinerHolding] {
    var holdings: [MinerHolding] = []
    var rest = ids[...]
    while !rest.isEmpty {
      let part = Array(rest.prefix(Inspection.minerLimit))
      rest = rest.dropFirst(part.count)
      holdings += try await withCheckedThrowingContinuation { (answer: Answer) in
        if mailbox.post(.ask(scorer, part, answer)) != .posted {
          answer.resume(throwing: Failed(description: "the inspector has ended"))
        }
      }
    }
    return holdings
  }
}

/// The inspector's half on the router's thread.
private struct InspectorHandler: RouterHandler {
  private struct Question {
    var scorer: String
    var deadline: Int64
    var answer: CheckedContinuation<[MinerHolding], any Error>
  }

  private static var beatMicroseconds: Int64 { 100_000 }
  private static var patienceMicroseconds: Int64 { 5_000_000 }

  let inspector: Inspector
  private var scorers: [PeerIdentity: String] = [:]
  private var peers: [String: PeerIdentity] = [:]
  private var questions: [UInt64: Question] = [:]
  private var lastRequestID: UInt64 = 0
  private(set) var nextTickMicroseconds: Int64 = 0
  private(set) var isFinished = false

  init(inspector: Inspector) { self.inspector = inspector }

  mutating func perform(
    _ commands: [Inspector.Command], now: Int64, outbox: inout RouterOutbox
  ) {
    for command in commands {
      switch command {
      case .end: isFinished = true
      case .ask(let scorer, let ids, let answer):
        guard let peer = peers[scorer] else {
          answer.resume(throwing: Inspector.Failed(description: "\(scorer) has not greeted"))
          continue
        }
        lastRequestID += 1
        questions[lastRequestID] = Question(
          scorer: scorer, deadline: now + Self.patienceMicroseconds, answer: answer)
        outbox.send(Record(requestID: lastRequestID, message: .inspectRequest(ids)), to: peer)
      }
    }
  }

  mutating func receive(
    _ records: [Record], from peer: PeerIdentity, now: Int64, outbox: inout RouterOutbox
  ) {
    for record in records {
      switch record.message {
      case .hello(let hello):
        scorers[peer] = hello.scorerID
        peers[hello.scorerID] = peer
        let version = min(hello.maxVersion, Record.currentVersion)
        outbox.send(
          Record(message: .welcome(Welcome(gatewayID: "inspector", version: version))), to: peer)
      case .beat(let beat):
        guard let scorer = scorers[peer] else { continue }
        let sighting = Inspector.Sighting(beat: beat, applied: record.streamID, at: now)
        inspector.sightings.withLock { $0[scorer] = sighting }
      case .inspectReply(let holdings):
        questions.removeValue(forKey: record.requestID)?.answer.resume(returning: holdings)
      default: break
      }
    }
  }

  mutating func undeliverable(
    _ requestIDs: [UInt64], to peer: PeerIdentity, isGone: Bool, now: Int64,
    outbox: inout RouterOutbox
  ) {
    guard isGone, let scorer = scorers.removeValue(forKey: peer) else { return }
    if peers[scorer] == peer { peers[scorer] = nil }
  }

  mutating func tick(now: Int64, outbox: inout RouterOutbox) {
    nextTickMicroseconds = now + Self.beatMicroseconds
    for peer in peers.values { outbox.send(Record(message: .beat(Beat())), to: peer) }
    for (id, question) in questions where question.deadline <= now {
      questions[id] = nil
      question.answer.resume(
        throwing: Inspector.Failed(description: "\(question.scorer) didn't say what it holds"))
    }
  }

  mutating func end(unperformed: [Inspector.Command]) {
    let ended = Inspector.Failed(description: "the inspector has ended")
    for question in questions.values { question.answer.resume(throwing: ended) }
    for case .ask(_, _, let answer) in unperformed { answer.resume(throwing: ended) }
  }
}
