import Domain
import Messaging
import Wire

/// Why a request got no answer.
package enum DispatchError: Error, Equatable, Sendable {
  /// No usable scorer appeared before the deadline, or the gateway is shutting down.
  case noScorer
  /// A scorer had it, and gave no answer in time.
  case deadline
  /// Too many requests are waiting already.
  case overloaded
  case unknownMiner
  /// The idempotency key was used before, with another report.
  case keyReused
  case storeUnavailable
  /// A scorer could not make sense of it, which is a bug in one of the two.
  case faulty
  /// All scorers are of a version that doesn't know such requests.
  case outdated
}

/// Requests of one kind wait in one queue.
enum RequestKind {
  case feedback, match, batch

  /// Scorers that speak an older version of the wire can't answer it.
  var leastVersion: UInt8 { self == .batch ? 4 : 0 }
}

/// One request on its way to whichever scorer is best.
package struct DispatchRequest<Token> {
  package var message: Message
  /// Microseconds of the clock that the state is given.
  package var deadline: Int64
  /// How far the scorer must have applied the change stream.
  package var required: StreamID
  /// Handed back with the outcome.
  package var token: Token

  package init(message: Message, deadline: Int64, required: StreamID, token: Token) {
    self.message = message
    self.deadline = deadline
    self.required = required
    self.token = token
  }

  var kind: RequestKind {
    switch message {
    case .feedbackRequest: .feedback
    case .batchRequest: .batch
    default: .match
    }
  }

  /// How many it counts for where room is limited.
  var weight: Int {
    if case .batchRequest(let queries) = message { queries.count } else { 1 }
  }

  /// It may be asked of a second scorer as well, with nothing lost but time: feedback and batches are too
  /// much for that, and what a spread match is offered counts wherever it was asked.
  var mayBeCopied: Bool {
    if case .matchRequest(let query) = message { !query.isSpread } else { false }
  }

  /// Whether a scorer's answer is one to this.
  func isAnswered(by reply: Message) -> Bool {
    switch (message, reply) {
    case (.feedbackRequest, .feedbackReply), (.matchRequest, .matchReply),
      (.matchRequest, .writtenMatchReply):
      true
    case (.batchRequest(let queries), .batchReply(let answers)): queries.count == answers.count
    case (.batchRequest(let queries), .writtenBatchReply(let answers)):
      queries.count == answers.count
    default: false
    }
  }
}

/// A scorer's answer to what was asked: a match's or a batch's, written or not, or feedback's.
package struct DispatchReply: Equatable, Sendable {
  package var message: Message
  /// Of a match: applied when it was answered. Of feedback: the entry that holds its change.
  package var streamID: StreamID
  package var scorerID: String

  package init(message: Message, streamID: StreamID, scorerID: String) {
    self.message = message
    self.streamID = streamID
    self.scorerID = scorerID
  }
}

package typealias DispatchOutcome = Result<DispatchReply, DispatchError>

/// What the state wants done.
package enum DispatchAction<Token> {
  case send(Record, to: PeerIdentity)
  /// Comes once for each accepted request.
  case finish(Token, DispatchOutcome)
  case report(DispatchEvent)
}

/// What is worth a line in the log. `moved`: how many of its unanswered requests went to others.
package enum DispatchEvent: Equatable, Sendable {
  case joined(scorerID: String, version: UInt8)
  case incompatible(scorerID: String, versions: ClosedRange<UInt8>)
  case refusedTooMany(scorerID: String)
  case replaced(scorerID: String, moved: Int)
  case silent(scorerID: String, moved: Int)
  case unreachable(scorerID: String, moved: Int)
  case draining(scorerID: String, moved: Int)
  case circuitOpened(scorerID: String)
  case circuitClosed(scorerID: String)
  case returned(scorerID: String)
  case left(scorerID: String)
}

package struct DispatchLimits: Equatable, Sendable {
  /// A scorer without a word for so long loses its requests to others.
  package var silenceMicroseconds: Int64 = 600_000
  package var beatMicroseconds: Int64 = 100_000
  /// A silent scorer is remembered for so long.
  package var forgetMicroseconds: Int64 = 60_000_000
  /// A scorer further behind the change stream is used only when the others are full.
  package var lagMilliseconds: UInt32 = 2_000
  /// Requests that one scorer holds at a time: so many matches, and so much feedback.
  package var inFlightLimit = 2_048
  /// Requests that wait for a scorer to have room: so many matches, and so much feedback.
  package var queueLimit = 8_192
  /// A request that ran out of time is its scorer's fault when that one had it for so long.
  package var overdueMicroseconds: Int64 = 500_000
  /// A match without an answer for so long is asked of a second scorer too; 0: never.
  package var hedgeMicroseconds: Int64 = 0
  /// The most that hedging adds to the matches asked.
  package var hedgeShare = 0.05
  package var scorerLimit = 1_024
  /// How often a request goes to another scorer after one said that it can't.
  package var retryLimit = 1
  /// How long shutting down waits for what is in flight.
  package var drainMicroseconds: Int64 = 5_000_000

  package init() {}
}

/// Totals since the start.
package struct DispatchCounters: Equatable, Sendable {
  package var accepted = 0
  package var answered = 0
  package var failed = 0
  /// Among the failed: refused at a full queue, past their deadline.
  package var overloaded = 0
  package var expired = 0
  /// Handed to another scorer: the first fell silent, left, was replaced or took no more.
  package var moved = 0
  /// Sent again because a scorer said that it can't.
  package var retried = 0
  /// Asked of a second scorer because the first took long, and those that the second answered first.
  package var hedged = 0
  package var hedgesWon = 0
  /// Answers to what was answered, failed or unknown.
  package var late = 0
  /// Messages of connections that never greeted.
  package var strangers = 0

  package init() {}
}

/// One scorer as a gateway sees it.
package struct ScorerSnapshot: Equatable, Sendable {
  package enum State: String, Equatable, Sendable {
    case starting, ready, silent, draining, incompatible
  }

  /// Whether it errs, and is asked only when nobody better is there.
  package enum Circuit: String, Equatable, Sendable {
    case closed, open
    case halfOpen = "half_open"
  }

  package var scorerID: String
  package var state: State
  package var circuit: Circuit
  package var version: UInt8
  package var inFlight: Int
  /// To all gateways together, in the last second or so.
  package var answersPerSecond: Double
  /// Requests to which it gave no answer or a useless one, since it greeted.
  package var faults: Int
  package var applied: StreamID
  /// Its last beat, empty before the first: lag, answers, miners, regions.
  package var beat: Beat
  /// It gets requests.
  package var isUsable: Bool { state == .ready }
}

extension DispatchRequest: Sendable where Token: Sendable {}
