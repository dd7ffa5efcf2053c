import Domain
import JSON

/// The answer to a match as the contract shows it.
package struct MatchResponse: Sendable {
  package var jobID: String
  package var matchID: String
  package var answer: WrittenAnswer
  /// The candidates' offers one after another, all of one length; empty where nobody could send them back.
  package var offers: [UInt8]

  package init(jobID: String, matchID: String, answer: WrittenAnswer, offers: [UInt8] = []) {
    self.jobID = jobID
    self.matchID = matchID
    self.answer = answer
    self.offers = offers
  }

  package func body() -> [UInt8] {
    let candidates = answer.candidates
    var json = JSONWriter(
      capacity: 256 + answer.text.count + offers.count + 16 * candidates.count)
    json.piece(#"{"job_id":"#)
    json.piece(string: jobID)
    json.piece(#","match_id":"#)
    json.piece(string: matchID)
    json.piece(#","candidates":["#)
    var (text, offers) = (answer.text[...], offers[...])
    let offerByteCount = candidates.isEmpty ? 0 : offers.count / candidates.count
    for (place, candidate) in candidates.enumerated() {
      if place > 0 { json.piece(",") }
      json.piece(bytes: text.prefix(candidate.byteCount))
      text = text.dropFirst(candidate.byteCount)
      if offerByteCount > 0 {
        json.piece(#","offer":""#)
        json.piece(bytes: offers.prefix(offerByteCount))
        offers = offers.dropFirst(offerByteCount)
        json.piece(#"""#)
      }
      json.piece("}")
    }
    json.piece("],")
    json.piece(bytes: text)
    json.piece("}")
    return json.bytes
  }
}
