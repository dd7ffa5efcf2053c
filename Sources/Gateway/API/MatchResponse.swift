import Domain
import JSON

/// The answer to a match as the contract shows it.
package struct MatchResponse: Sendable {
  package var jobID: String
  package var matchID: String
  package var answer: MatchAnswer
  /// One for each candidate, in their order; empty where nobody could send them back.
  package var offers: [String]

  package init(jobID: String, matchID: String, answer: MatchAnswer, offers: [String] = []) {
    self.jobID = jobID
    self.matchID = matchID
    self.answer = answer
    self.offers = offers
  }

  package func body() -> [UInt8] {
    var json = JSONWriter(capacity: 256 + 720 * answer.candidates.count)
    json.object { json in
      json.field("job_id", jobID)
      json.field("match_id", matchID)
      json.arrayField("candidates") { json in
        for place in answer.candidates.indices {
          json.beginPieces()
          Self.write(
            answer.candidates[place], offer: place < offers.count ? offers[place] : nil, to: &json)
        }
      }
      if let best = answer.candidates.first {
        json.field("explain", Self.explain(best.parts))
      } else {
        json.field("explain", "no candidate")
      }
      if let counts = answer.counts { Self.write(counts, to: &json) }
    }
    return json.bytes
  }

  /// By pieces of text, since a match's answer is mostly this.
  private static func write(
    _ candidate: Candidate, offer: String?, to json: inout JSONWriter
  ) {
    json.piece(#"{"miner_id":"#)
    json.piece(string: candidate.minerID.text)
    json.piece(#","addr":"#)
    json.piece(string: candidate.addr)
    json.piece(#","proto":""#)
    json.piece(unescaped: candidate.proto.rawValue)
    json.piece(#"","region":"#)
    json.piece(string: candidate.region)
    json.piece(#","score":"#)
    json.piece(candidate.score)
    json.piece(#","eta_ms":"#)
    json.piece(candidate.etaMilliseconds ?? .nan)
    json.piece(#","price":"#)
    json.piece(unescaped: candidate.price.description)
    json.piece(#","trust":"#)
    json.piece(candidate.trust)
    json.piece(#","explain":""#)
    explain(candidate.parts, to: &json)
    json.piece(#"","breakdown":{"cap":"#)
    json.piece(candidate.parts.cap)
    json.piece(#","price":"#)
    json.piece(candidate.parts.price)
    json.piece(#","latency":"#)
    json.piece(candidate.parts.latency)
    json.piece(#","trust":"#)
    json.piece(candidate.parts.trust)
    json.piece(#","load":"#)
    json.piece(candidate.parts.load)
    json.piece("}")
    if let offer {
      json.piece(#","offer":""#)
      json.piece(unescaped: offer)
      json.piece(#"""#)
    }
    json.piece("}")
  }

  private static func write(_ counts: MatchCounts, to json: inout JSONWriter) {
    json.field("eligible", counts.eligible)
    json.field("considered", counts.considered)
    json.objectField("rejected") { json in
      for (reason, count) in zip(RejectionReason.allCases, counts.rejected) where count > 0 {
        json.field(named: reason.name) { $0.value(count) }
      }
    }
  }

  /// `cap=1.00 • price=0.82 • latency=0.90 • trust=0.70 • load=1.00`; nothing in it needs an escape.
  private static func explain(_ parts: ScoreParts, to json: inout JSONWriter) {
    json.piece("cap=")
    twoPlaces(parts.cap, to: &json)
    json.piece(" • price=")
    twoPlaces(parts.price, to: &json)
    json.piece(" • latency=")
    twoPlaces(parts.latency, to: &json)
    json.piece(" • trust=")
    twoPlaces(parts.trust, to: &json)
    json.piece(" • load=")
    twoPlaces(parts.load, to: &json)
  }

  package static func explain(_ parts: ScoreParts) -> String {
    var json = JSONWriter(capacity: 80)
    explain(parts, to: &json)
    return String(decoding: json.bytes, as: UTF8.self)
  }

  /// - Parameter part: from 0 to 1.
  private static func twoPlaces(_ part: Double, to json: inout JSONWriter) {
    let hundredths = Int(min(max(part, 0), 1) * 100 + 0.5)
    json.piece(digit: hundredths / 100)
    json.piece(".")
    json.piece(digit: hundredths / 10 % 10)
    json.piece(digit: hundredths % 10)
  }
}
