/// A match's answer as its coordinator will read it, but for what only the gateway knows: the match's ids and the
/// candidates' offers.
package struct WrittenAnswer: Equatable, Sendable {
  package struct Candidate: Equatable, Sendable {
    /// What an offer is about.
    package var price: Price
    package var minerIDByteCount: Int
    /// Of its object in the text.
    package var byteCount: Int

    package init(price: Price, minerIDByteCount: Int, byteCount: Int) {
      self.price = price
      self.minerIDByteCount = minerIDByteCount
      self.byteCount = byteCount
    }
  }

  /// Where in a candidate's object its miner's id begins.
  package static let minerIDOffset = #"{"miner_id":""#.utf8.count

  /// Best first.
  package private(set) var candidates: [Candidate]
  /// In JSON: the candidates' objects one after another, each without its closing brace, then the members that
  /// follow their array, without the answer's closing brace. Answers that came together share their array.
  package private(set) var text: ArraySlice<UInt8>
  /// As in `MatchAnswer`; the text has them as well.
  package private(set) var counts: MatchCounts?

  /// - Returns: nil when the text is too short for its candidates, or a candidate's object for its miner's id.
  package init?(candidates: [Candidate], text: ArraySlice<UInt8>, counts: MatchCounts?) {
    var byteCount = 0
    for candidate in candidates {
      guard (1...Limits.minerIDBytes).contains(candidate.minerIDByteCount),
        Self.minerIDOffset + candidate.minerIDByteCount <= candidate.byteCount
      else { return nil }
      byteCount += candidate.byteCount
    }
    guard byteCount <= text.count else { return nil }
    self.candidates = candidates
    self.text = text
    self.counts = counts
  }
}
