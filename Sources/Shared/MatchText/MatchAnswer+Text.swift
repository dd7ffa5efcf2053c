import Domain
import JSON

extension MatchAnswer {
  /// The answer as the contract shows it.
  package func written() -> WrittenAnswer {
    var written: [WrittenAnswer.Candidate] = []
    written.reserveCapacity(candidates.count)
    let text = JSONWriter.bytes(capacity: 256 + 600 * candidates.count) { json in
      for candidate in candidates {
        let start = json.byteCount
        json.write(candidate)
        written.append(
          WrittenAnswer.Candidate(
            price: candidate.price, minerIDByteCount: candidate.minerID.text.utf8.count,
            byteCount: json.byteCount - start))
      }
      if let best = candidates.first {
        json.piece(#""explain":""#)
        json.writeExplanation(of: best.parts)
        json.piece(#"""#)
      } else {
        json.piece(#""explain":"no candidate""#)
      }
      if let counts { json.write(counts) }
    }
    guard let answer = WrittenAnswer(candidates: written, text: text[...], counts: counts) else {
      preconditionFailure("each candidate's object holds its miner's id")
    }
    return answer
  }
}

extension ScoreParts {
  /// `cap=1.00 • price=0.82 • latency=0.90 • trust=0.70 • load=1.00`
  package var explanation: String {
    String(
      decoding: JSONWriter.bytes(capacity: 80) { $0.writeExplanation(of: self) }, as: UTF8.self)
  }
}

extension JSONWriter {
  /// By pieces of text, since a match's answer is mostly this; its closing brace is left to whoever adds an offer.
  fileprivate mutating func write(_ candidate: Candidate) {
    // No byte that an id may have needs an escape.
    piece(#"{"miner_id":""#)
    piece(unescaped: candidate.minerID.text)
    piece(#"","addr":"#)
    piece(string: candidate.addr)
    piece(#","proto":""#)
    piece(unescaped: candidate.proto.rawValue)
    piece(#"","region":"#)
    piece(string: candidate.region)
    piece(#","score":"#)
    piece(candidate.score)
    piece(#","eta_ms":"#)
    piece(candidate.etaMilliseconds ?? .nan)
    piece(#","price":"#)
    piece(units: candidate.price.units, places: Price.fractionDigits)
    piece(#","trust":"#)
    let trustStart = byteCount
    piece(candidate.trust)
    let trust = trustStart..<byteCount
    piece(#","explain":""#)
    writeExplanation(of: candidate.parts)
    piece(#"","breakdown":{"cap":"#)
    piece(candidate.parts.cap)
    piece(#","price":"#)
    piece(candidate.parts.price)
    piece(#","latency":"#)
    piece(candidate.parts.latency)
    piece(#","trust":"#)
    if candidate.parts.trust == candidate.trust {
      piece(again: trust)
    } else {
      piece(candidate.parts.trust)
    }
    piece(#","load":"#)
    piece(candidate.parts.load)
    piece("}")
  }

  fileprivate mutating func write(_ counts: MatchCounts) {
    piece(#","eligible":"#)
    piece(units: Int64(counts.eligible), places: 0)
    piece(#","considered":"#)
    piece(units: Int64(counts.considered), places: 0)
    piece(#","rejected":{"#)
    var isFirst = true
    for (reason, count) in zip(RejectionReason.allCases, counts.rejected) where count > 0 {
      if !isFirst { piece(",") }
      isFirst = false
      piece(string: reason.name)
      piece(":")
      piece(units: Int64(count), places: 0)
    }
    piece("}")
  }

  /// Nothing in it needs an escape.
  fileprivate mutating func writeExplanation(of parts: ScoreParts) {
    piece("cap=")
    piece(twoPlaces: parts.cap)
    piece(" • price=")
    piece(twoPlaces: parts.price)
    piece(" • latency=")
    piece(twoPlaces: parts.latency)
    piece(" • trust=")
    piece(twoPlaces: parts.trust)
    piece(" • load=")
    piece(twoPlaces: parts.load)
  }
}
