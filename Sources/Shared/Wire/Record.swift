import Domain

/// One message between a gateway and a scorer, with its header. One ZeroMQ frame carries 1 to 64 of
/// them back to back.
///
/// The header, little-endian: magic u32 "PHUB" · version u8 · kind u8 · flags u16 (0) · request id u64 ·
/// time left u32 µs · payload length u32 · stream id u64 ms, u64 sequence; 40 bytes, then the payload.
package struct Record: Equatable, Sendable {
  package static let headerByteCount = 40
  package static let magic: UInt32 = 0x4255_4850
  /// What this build speaks. A neighbour one version away is understood: payloads only ever grow at
  /// their end, readers give absent fields their default and skip what they don't know.
  package static let currentVersion: UInt8 = 5
  package static let spokenVersions: ClosedRange<UInt8> = 1...6
  package static let batchLimit = 64
  /// From here on scorers write answers as coordinators read them.
  package static let writtenAnswersVersion: UInt8 = 5

  package var version: UInt8
  package var requestID: UInt64
  /// How long the asker still waits; 0: no limit. A span, not a moment: clocks of hosts differ.
  package var budgetMicroseconds: UInt32
  /// Of a request: what must have been applied before it is answered. Of a reply or beat: what was
  /// applied, or for feedback the entry that holds its change.
  package var streamID: StreamID
  package var message: Message

  package init(
    version: UInt8 = Record.currentVersion, requestID: UInt64 = 0, budgetMicroseconds: UInt32 = 0,
    streamID: StreamID = .zero, message: Message
  ) {
    self.version = version
    self.requestID = requestID
    self.budgetMicroseconds = budgetMicroseconds
    self.streamID = streamID
    self.message = message
  }
}

/// What gateways and scorers say to each other. The numbers are in `Message.kind`.
///
/// Each is handed on several times on its way, by record, request, action and outcome: so all of them lie in a
/// place of their own, and only that place is handed on.
package indirect enum Message: Equatable, Sendable {
  /// Scorer to gateway, first and until welcomed.
  case hello(Hello)
  /// Gateway to scorer, in answer.
  case welcome(Welcome)
  /// Both ways, several times a second.
  case beat(Beat)
  /// Scorer to gateway: nothing more, please; what I have I still answer. Since version 3 also gateway to
  /// scorer, in answer: nothing more comes.
  case goodbye
  case matchRequest(MatchQuery)
  case matchReply(MatchAnswer)
  case feedbackRequest(FeedbackReport)
  case feedbackReply(FeedbackReceipt)
  case failure(Failure)
  /// Since version 3, for whoever compares scorers: what does this one hold of these miners?
  case inspectRequest([MinerID])
  /// Of each miner that is known there, in the order asked.
  case inspectReply([MinerHolding])
  /// Since version 4: matches that are asked together, answered one after another.
  case batchRequest([MatchQuery])
  /// One answer a match, in the order asked.
  case batchReply([MatchAnswer])
  /// Since version 5, instead of `matchReply` and `batchReply`: the answers as coordinators read them.
  case writtenMatchReply(WrittenAnswer)
  case writtenBatchReply([WrittenAnswer])
  /// Of a kind that a newer neighbour knows and this build does not.
  case unknown(kind: UInt8)
}

package struct Hello: Equatable, Sendable {
  package var scorerID: String
  package var minVersion: UInt8
  package var maxVersion: UInt8

  package init(
    scorerID: String, minVersion: UInt8 = Record.spokenVersions.lowerBound,
    maxVersion: UInt8 = Record.currentVersion
  ) {
    self.scorerID = scorerID
    self.minVersion = minVersion
    self.maxVersion = maxVersion
  }
}

package struct Welcome: Equatable, Sendable {
  package var gatewayID: String
  /// The version both will speak.
  package var version: UInt8
  /// Since version 3: drawn at the gateway's start, so that a scorer that reaches one gateway by two
  /// addresses notices; 0 where it isn't told.
  package var instance: UInt64

  package init(gatewayID: String, version: UInt8, instance: UInt64 = 0) {
    self.gatewayID = gatewayID
    self.version = version
    self.instance = instance
  }
}

/// A sign of life; a scorer's also says how it is doing. A gateway's says nothing more.
package struct Beat: Equatable, Sendable {
  package struct Region: Equatable, Sendable {
    package var name: String
    package var online: UInt32
    package init(name: String, online: UInt32) {
      self.name = name
      self.online = online
    }
  }

  /// The most regions that one beat names, the largest first.
  package static let regionLimit = 256

  /// It has loaded its first snapshot and answers matches.
  package var isReady = false
  /// How old the newest applied stream entry was when applied, or how long the stream is out of reach.
  package var lagMilliseconds: UInt32 = 0
  /// Matches answered since it started.
  package var answers: UInt64 = 0
  /// Registered at all, in the live registry, online.
  package var knownMiners: UInt32 = 0
  package var liveMiners: UInt32 = 0
  package var onlineMiners: UInt32 = 0
  /// Over online miners that gave one; nil when none did.
  package var avgLatencyMilliseconds: Double?
  package var isStreamReachable = false
  package var regions: [Region] = []
  /// Since version 2: answers that the scorer has compared with the plain index's since it started, and
  /// those of them that differed.
  package var auditedAnswers: UInt64 = 0
  package var auditDifferences: UInt64 = 0
  /// Since version 3: requests that wait in the scorer, for the change stream or for PostgreSQL.
  package var waiting: UInt32 = 0
  /// Since version 3, since it started: requests that it dropped because nobody waited for them any more,
  /// and those that it refused because too many waited.
  package var dropped: UInt64 = 0
  package var refused: UInt64 = 0

  /// Since version 3: how long signs of life took from their arrival at a gateway to the index.
  package var delays = DelayCounts()

  /// Since version 4: what the scorer has just offered to matches that are spread and still counts, and what it
  /// stopped counting before its time because there was too much of it, since it started.
  package var spreadOffers: UInt32 = 0
  package var spreadForgotten: UInt64 = 0

  package init() {}
}

package struct Failure: Equatable, Sendable {
  package enum Code: UInt8, Sendable {
    case deadlinePassed = 1
    case overloaded
    case notReady
    case unknownMiner
    case keyReused
    case storeUnavailable
    case badRequest
    case faulty
  }
  package var code: Code

  package init(_ code: Code) { self.code = code }
}

extension Message {
  /// The header's kind byte. Never renumber.
  package var kind: UInt8 {
    switch self {
    case .hello: 1
    case .welcome: 2
    case .beat: 3
    case .goodbye: 4
    case .matchRequest: 5
    case .matchReply: 6
    case .feedbackRequest: 7
    case .feedbackReply: 8
    case .failure: 9
    case .inspectRequest: 16
    case .inspectReply: 17
    case .batchRequest: 18
    case .batchReply: 19
    case .writtenMatchReply: 20
    case .writtenBatchReply: 21
    case .unknown(let kind): kind
    }
  }
}
