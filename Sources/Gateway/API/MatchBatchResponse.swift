import JSON

/// The answer to a batch: of each entry, in their order, what `POST /v1/match` would have answered to it, with
/// the status.
package struct MatchBatchResponse: ~Copyable {
  private var json: JSONWriter
  private var isEmpty = true

  /// - Parameter byteCount: of the answers, roughly.
  package init(byteCount: Int) {
    json = JSONWriter(capacity: byteCount)
    json.piece(#"{"results":["#)
  }

  package mutating func add(_ response: MatchResponse) {
    next()
    json.piece(#"{"status":200,"#)
    response.writeMembers(to: &json)
    json.piece("}")
  }

  package mutating func add(_ problem: Problem) {
    next()
    json.piece(bytes: problem.body(requestID: nil)[...])
  }

  package consuming func body() -> [UInt8] {
    json.piece("]}")
    return json.bytes
  }

  private mutating func next() {
    if !isEmpty { json.piece(",") }
    isEmpty = false
  }
}
