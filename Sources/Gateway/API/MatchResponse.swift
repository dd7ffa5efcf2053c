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
    JSONWriter.bytes(capacity: byteCountAtMost) { json in
      json.piece("{")
      writeMembers(to: &json)
      json.piece("}")
    }
  }

  /// Of the body, but for escapes.
  var byteCountAtMost: Int {
    128 + jobID.utf8.count + matchID.utf8.count + answer.text.count + offers.count
      + 16 * answer.candidates.count
  }

  /// What stands between the body's braces.
  func writeMembers(to json: inout JSONWriter) {
    json.piece(#""job_id":"#)
    json.piece(string: jobID)
    json.piece(#","match_id":"#)
    json.piece(string: matchID)
    json.piece(#","candidates":["#)
    let (candidates, text, offers) = (answer.candidates, answer.text.span, offers.span)
    let offerByteCount = candidates.isEmpty ? 0 : offers.count / candidates.count
    var (textPlace, offerPlace) = (0, 0)
    for (place, candidate) in candidates.enumerated() {
      if place > 0 { json.piece(",") }
      json.piece(bytes: text.extracting(textPlace..<textPlace + candidate.byteCount))
      textPlace += candidate.byteCount
      if offerByteCount > 0 {
        json.piece(#","offer":""#)
        json.piece(bytes: offers.extracting(offerPlace..<offerPlace + offerByteCount))
        offerPlace += offerByteCount
        json.piece(#"""#)
      }
      json.piece("}")
    }
    json.piece("],")
    json.piece(bytes: text.extracting(textPlace...))
  }
}
