import JSON

/// The answer to a batch: of each entry, in their order, what `POST /v1/match` would have answered to it, with
/// the status.
package struct MatchBatchResponse: Sendable {
  private let results: [Result<MatchResponse, Problem>]

  package init(_ results: [Result<MatchResponse, Problem>]) { self.results = results }

  /// Of the body, as a rule.
  package var byteCountAtMost: Int {
    results.reduce(16) { sum, result in
      switch result {
      case .success(let response): sum + 16 + response.byteCountAtMost
      case .failure: sum + 512
      }
    }
  }

  package func write(to json: inout JSONWriter) {
    json.piece(#"{"results":["#)
    for (place, result) in results.enumerated() {
      if place > 0 { json.piece(",") }
      switch result {
      case .success(let response):
        json.piece(#"{"status":200,"#)
        response.writeMembers(to: &json)
        json.piece("}")
      case .failure(let problem): json.piece(bytes: problem.body(requestID: nil).span)
      }
    }
    json.piece("]}")
  }
}
