import Domain
import GatewayAPI
import JSON
import Postgres

/// How history reads.
package enum MatchHistoryJSON {
  /// What was asked, in the shape of the request; what says nothing is left out.
  static func request(_ query: MatchQuery) -> String {
    var json = JSONWriter(capacity: 256)
    json.object { json in
      json.objectField("requirements") { json in
        if let task = query.task { json.field("task", task) }
        if query.minVRAMGB > 0 { json.field("min_vram_gb", query.minVRAMGB) }
        if query.minRAMGB > 0 { json.field("min_ram_gb", query.minRAMGB) }
        write(query.accel, "accel", to: &json)
        write(query.tagsAny, "tags_any", to: &json)
        write(query.tagsAll, "tags_all", to: &json)
        write(query.capabilitiesAny, "capabilities_any", to: &json)
        write(query.capabilitiesAll, "capabilities_all", to: &json)
        if let service = query.service { json.field("service", service) }
        if let trust = query.minTrust { json.field("min_trust", trust) }
      }
      json.objectField("hints") { json in
        if let region = query.region { json.field("region", region) }
        if let price = query.maxPrice { json.field("max_price", number: price.description) }
      }
      json.field("top_k", query.topK)
      write(query.exclude.map(\.text), "exclude", to: &json)
      json.field("explain", query.explainsFully ? "full" : "brief")
      if query.isSpread { json.field("spread", true) }
    }
    return String(decoding: json.bytes, as: UTF8.self)
  }

  private static func write(
    _ texts: [String], _ name: StaticString, to json: inout JSONWriter
  ) {
    if !texts.isEmpty { json.field(name, texts) }
  }

  /// The newest match of a job, as it was answered, and the earlier ones beside it.
  ///
  /// - Parameter matches: of one job, the newest first.
  /// - Returns: nil when there is none.
  package static func answer(_ matches: [StoredMatch]) throws -> [UInt8]? {
    guard let newest = matches.first else { return nil }
    var json = JSONWriter(capacity: 2_048)
    try json.object { json in
      try write(newest, to: &json)
      try json.arrayField("earlier") { json in
        for match in matches.dropFirst() {
          try json.object { try write(match, to: &$0) }
        }
      }
    }
    return json.bytes
  }

  private static func write(_ match: StoredMatch, to json: inout JSONWriter) throws {
    let answer = try JSONValue.parse(Array(match.answer.utf8)).object ?? JSONObject()
    for (name, value) in answer.members { json.field(named: name) { $0.value(value) } }
    json.field("matched_at", match.answeredAt.rfc3339)
    json.field("request", json: match.request)
  }
}
