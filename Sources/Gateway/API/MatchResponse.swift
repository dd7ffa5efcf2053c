import Domain
import JSON

/// The answer to a match as the contract shows it.
package struct MatchResponse: Sendable {
  package var jobID: String
  package var matchID: String
  package var answer: MatchAnswer

  package init(jobID: String, matchID: String, answer: MatchAnswer) {
    self.jobID = jobID
    self.matchID = matchID
    self.answer = answer
  }

  package func body() -> [UInt8] {
    var json = JSONWriter(capacity: 256 + 640 * answer.candidates.count)
    json.object { json in
      json.field("job_id", jobID)
      json.field("match_id", matchID)
      json.arrayField("candidates") { json in
        for candidate in answer.candidates { Self.write(candidate, to: &json) }
      }
      if let best = answer.candidates.first {
        json.field("explain", json: Self.quotedExplain(best.parts))
      } else {
        json.field("explain", "no candidate")
      }
      if let counts = answer.counts { Self.write(counts, to: &json) }
    }
    return json.bytes
  }

  private static func write(_ candidate: Candidate, to json: inout JSONWriter) {
    json.object { json in
      json.field("miner_id", candidate.minerID.text)
      json.field("addr", candidate.addr)
      json.field("proto", candidate.proto.rawValue)
      json.field("region", candidate.region)
      json.field("score", candidate.score)
      json.field("eta_ms", candidate.etaMilliseconds)
      json.field("price", number: candidate.price.description)
      json.field("trust", candidate.trust)
      json.field("explain", json: quotedExplain(candidate.parts))
      json.objectField("breakdown") { json in
        json.field("cap", candidate.parts.cap)
        json.field("price", candidate.parts.price)
        json.field("latency", candidate.parts.latency)
        json.field("trust", candidate.parts.trust)
        json.field("load", candidate.parts.load)
      }
    }
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

  /// `cap=1.00 • price=0.82 • latency=0.90 • trust=0.70 • load=1.00`
  package static func explain(_ parts: ScoreParts) -> String {
    String(decoding: quotedExplain(parts).dropFirst().dropLast(), as: UTF8.self)
  }

  /// As JSON has it: nothing in it needs an escape.
  private static func quotedExplain(_ parts: ScoreParts) -> [UInt8] {
    var text: [UInt8] = []
    text.reserveCapacity(80)
    append("\"cap=", parts.cap, to: &text)
    append(" • price=", parts.price, to: &text)
    append(" • latency=", parts.latency, to: &text)
    append(" • trust=", parts.trust, to: &text)
    append(" • load=", parts.load, to: &text)
    text.append(UInt8(ascii: "\""))
    return text
  }

  /// - Parameter part: from 0 to 1; told to two places.
  private static func append(_ name: StaticString, _ part: Double, to text: inout [UInt8]) {
    text.append(
      contentsOf: UnsafeBufferPointer(start: name.utf8Start, count: name.utf8CodeUnitCount))
    let hundredths = Int((min(max(part, 0), 1) * 100).rounded())
    text.append(UInt8(ascii: "0") + UInt8(hundredths / 100))
    text.append(UInt8(ascii: "."))
    text.append(UInt8(ascii: "0") + UInt8(hundredths / 10 % 10))
    text.append(UInt8(ascii: "0") + UInt8(hundredths % 10))
  }
}
