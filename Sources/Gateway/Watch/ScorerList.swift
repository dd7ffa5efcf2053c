import JSON
import ScorerClient

/// A gateway's scorers, as health and the pool's page show them.
enum ScorerList {
  static func write(_ scorers: [ScorerSnapshot], to json: inout JSONWriter, as name: StaticString) {
    json.arrayField(name) { json in
      for scorer in scorers.sorted(by: { $0.scorerID < $1.scorerID }) {
        json.object { json in
          json.field("scorer", scorer.scorerID)
          json.field("state", scorer.state.rawValue)
          json.field("circuit", scorer.circuit.rawValue)
          json.field("lag_ms", scorer.beat.lagMilliseconds)
          json.field("in_flight", scorer.inFlight)
          json.field("answers_per_sec", Int(scorer.answersPerSecond.rounded()))
          json.field("miners_online", scorer.beat.onlineMiners)
          json.field("answers_total", scorer.beat.answers)
        }
      }
    }
  }
}
