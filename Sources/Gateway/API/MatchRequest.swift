import Domain
import JSON

/// `POST /v1/match`
package struct MatchRequest: Equatable, Sendable {
  package static let defaultDeadlineMilliseconds = 1_000

  package enum Explain: String, CaseIterable { case brief, full }

  package var query: MatchQuery
  /// Bounds the answer; filters nobody.
  package var deadlineMilliseconds: Int

  /// - Throws: `Problem` 400 when the body isn't JSON, 422 with every fault.
  package init(body: UnsafeRawBufferPointer) throws(Problem) {
    if let plain = PlainMatchReader.read(body) {
      self = plain
    } else {
      self = try MatchRequest(Body.object(body))
    }
  }

  init(query: MatchQuery, deadlineMilliseconds: Int) {
    self.query = query
    self.deadlineMilliseconds = deadlineMilliseconds
  }

  package init(_ object: JSONObject) throws(Problem) {
    (query, deadlineMilliseconds) = try Body.read(object) { fields in
      var query = MatchQuery(
        jobID: fields.requiredText("job_id", bytes: 1...Limits.jobIDBytes) ?? "")
      _ = fields.nested("requirements") { $0.requirements(into: &query) }
      let deadline = fields.nested("hints") { $0.hints(into: &query) } ?? nil
      query.topK = fields.integer("top_k", in: Limits.topK) ?? 1
      query.exclude = fields.exclude()
      query.explainsFully = fields.choice("explain", of: Explain.self) == .full
      query.isSpread = fields.bool("spread") ?? false
      return (query, deadline ?? Self.defaultDeadlineMilliseconds)
    }
  }
}

extension FieldReader {
  fileprivate mutating func requirements(into query: inout MatchQuery) {
    query.task = text("task", bytes: 0...Limits.nameBytes)
    query.minVRAMGB = number("min_vram_gb", in: Limits.gigabytes) ?? 0
    query.minRAMGB = number("min_ram_gb", in: Limits.gigabytes) ?? 0
    query.accel = lowercasedNames("accel") ?? []
    query.tagsAny = names("tags_any") ?? []
    query.tagsAll = names("tags_all") ?? []
    query.capabilitiesAny = names("capabilities_any") ?? []
    query.capabilitiesAll = names("capabilities_all") ?? []
    query.service = text("service", bytes: 1...Limits.nameBytes)
    query.minTrust = number("min_trust", in: 0...1)
  }

  /// - Returns: the deadline, if one was asked for.
  fileprivate mutating func hints(into query: inout MatchQuery) -> Int? {
    let region = text("region", bytes: 0...Limits.nameBytes)?.lowercased()
    query.region = region?.isEmpty == true ? nil : region
    query.maxPrice = price("max_price")
    return integer("deadline_ms", in: Limits.deadlineMilliseconds)
  }

  fileprivate mutating func exclude() -> [MinerID] {
    let texts =
      texts("exclude", count: 0...Limits.listCount, bytes: 1...Limits.minerIDBytes) ?? []
    return texts.enumerated().compactMap { minerID(.string($1), "exclude[\($0)]") }
  }
}
