import Domain
import JSON

/// `POST /v1/keys`
package struct IssueKeyRequest: Equatable, Sendable {
  package var kind = IssuedKey.Kind.miner
  /// A miner's id or a coordinator's name; nil: the first miner that registers with it.
  package var owner: String?
  package var label = ""
  package var expiresAt: Timestamp?

  package init(_ object: JSONObject, at now: Timestamp) throws(Problem) {
    self = try Body.read(object) { fields in
      var request = IssueKeyRequest()
      if !fields.has("kind") { fields.fail("kind", "required", "kind is required") }
      request.kind = fields.choice("kind") ?? .miner
      request.owner = fields.keyOwner(request.kind)
      request.label = fields.text("label", bytes: 0...Limits.nameBytes) ?? ""
      request.expiresAt = fields.time("expires_at")
      if let expiresAt = request.expiresAt, expiresAt <= now {
        fields.fail("expires_at", "range", "expires_at must be in the future")
      }
      return request
    }
  }

  private init() {}
}

/// `POST /v1/keys/{id}/rotate`
package struct RotateKeyRequest: Equatable, Sendable {
  /// A day: time to bring the new one everywhere.
  package static let defaultOverlapSeconds = 86_400
  /// 30 days.
  package static let overlapSeconds = 0...2_592_000

  package var overlapSeconds: Int

  package init(_ object: JSONObject) throws(Problem) {
    overlapSeconds = try Body.read(object) { fields in
      fields.integer("overlap_sec", in: Self.overlapSeconds) ?? Self.defaultOverlapSeconds
    }
  }
}

/// `GET /v1/keys`'s query.
package struct KeyListRequest: Equatable, Sendable {
  package var after = ""
  package var limit = MinerListRequest.defaultLimit
  package var kind: IssuedKey.Kind?
  package var owner: String?
  package var live: Bool?

  package init(_ query: [(name: String, value: String)]) throws(Problem) {
    self = try Body.read(JSONObject(query: query, numbers: ["limit"], flags: ["live"])) { fields in
      var request = KeyListRequest()
      request.after = fields.text("cursor", bytes: 0...Limits.nameBytes) ?? ""
      request.limit = fields.integer("limit", in: Limits.pageCount) ?? request.limit
      request.kind = fields.choice("kind")
      request.owner = fields.text("owner", bytes: 1...Limits.nameBytes)
      request.live = fields.bool("live")
      return request
    }
  }

  private init() {}
}

/// `GET /v1/audit`'s query.
package struct AuditListRequest: Equatable, Sendable {
  package var before: Int64?
  package var limit = MinerListRequest.defaultLimit
  package var action: String?

  package init(_ query: [(name: String, value: String)]) throws(Problem) {
    self = try Body.read(JSONObject(query: query, numbers: ["limit", "cursor"], flags: [])) {
      fields in
      var request = AuditListRequest()
      request.before = fields.integer("cursor", in: 1...(1 << 53)).map(Int64.init)
      request.limit = fields.integer("limit", in: Limits.pageCount) ?? request.limit
      request.action = fields.text("action", bytes: 1...Limits.nameBytes)
      return request
    }
  }

  private init() {}
}

extension JSONObject {
  /// A URL's query as an object, so that it is read like a body. What isn't as it should be stays
  /// a text, and is refused as one.
  init(query: [(name: String, value: String)], numbers: [String], flags: [String]) {
    self.init()
    for (name, value) in query where !value.isEmpty {
      if numbers.contains(name), (try? JSONValue.parse(Array(value.utf8)))?.double != nil {
        append(name, .number(value))
      } else if flags.contains(name), let flag = Bool(value) {
        append(name, .bool(flag))
      } else {
        append(name, .string(value))
      }
    }
  }
}

extension FieldReader {
  /// Whose key it is to be.
  fileprivate mutating func keyOwner(_ kind: IssuedKey.Kind) -> String? {
    switch kind {
    case .miner:
      if has("coordinator") {
        fail("coordinator", "value", "coordinator goes with kind coordinator")
      }
      return find(["miner_id"]).flatMap { minerID($0.value, "miner_id") }?.text
    case .coordinator:
      if has("miner_id") { fail("miner_id", "value", "miner_id goes with kind miner") }
      let name = requiredText("coordinator", bytes: 1...Limits.nameBytes)
      // As in POOLHUB_COORDINATOR_SECRETS.
      if let name, !name.utf8.allSatisfy({ (0x21...0x7E).contains($0) && $0 != 0x3A && $0 != 0x2C })
      {
        fail("coordinator", "format", "coordinator must be visible ASCII without : or ,")
        return nil
      }
      return name
    }
  }
}
