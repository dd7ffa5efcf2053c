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
    var json = JSONWriter(capacity: 256 + 512 * answer.candidates.count)
    json.object { json in
      json.field("job_id", jobID)
      json.field("match_id", matchID)
      json.arrayField("candidates") { json in
        for candidate in answer.candidates { Self.write(candidate, to: &json) }
      }
      json.field(
        "explain", answer.candidates.first.map { Self.explain($0.parts) } ?? "no candidate")
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
      json.field("explain", explain(candidate.parts))
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
    "cap=\(twoPlaces(parts.cap)) • price=\(twoPlaces(parts.price))"
      + " • latency=\(twoPlaces(parts.latency)) • trust=\(twoPlaces(parts.trust))"
      + " • load=\(twoPlaces(parts.load))"
  }

  /// Of a number from 0 to 1.
  private static func twoPlaces(_ part: Double) -> String {
    let hundredths = Int((part * 100).rounded())
    let rest = hundredths % 100
    return rest < 10 ? "\(hundredths / 100).0\(rest)" : "\(hundredths / 100).\(rest)"
  }
}
