import Domain
import JSON

/// `PUT /v1/miners/{id}/price-override`
package struct PriceOverrideRequest: Equatable, Sendable {
  package var priceOverride: PriceOverride

  package init(_ object: JSONObject, at now: Timestamp) throws(Problem) {
    let read = try Body.read(object) { fields -> PriceOverride? in
      if !fields.has("price") { fields.fail("price", "required", "price is required") }
      let price = fields.price("price")
      let reason = fields.requiredText("reason", bytes: 1...Limits.addressBytes)
      let expiresAt = fields.time("expires_at")
      if let expiresAt, expiresAt <= now {
        fields.fail("expires_at", "range", "expires_at must be in the future")
      }
      guard let price, let reason else { return nil }
      return PriceOverride(price: price, reason: reason, expiresAt: expiresAt)
    }
    guard let read else { throw Problem(.invalidFields, "price and reason are required") }
    priceOverride = read
  }
}

/// `GET /v1/miners`'s query.
package struct MinerListRequest: Equatable, Sendable {
  package static let defaultLimit = 100

  /// The last miner of the page before.
  package var after: MinerID?
  package var limit = defaultLimit
  package var region: String?
  package var online: Bool?
  package var capability: String?
  package var minTrust: Double?
  /// A part of the miner's id.
  package var search: String?

  /// - Parameter query: names and decoded values of the URL's query.
  package init(_ query: [(name: String, value: String)]) throws(Problem) {
    let object = JSONObject(query: query, numbers: ["limit", "min_trust"], flags: ["online"])
    self = try Body.read(object) { fields in
      var request = MinerListRequest()
      if let cursor = fields.find(["cursor"])?.value {
        request.after = fields.minerID(cursor, "cursor")
      }
      request.limit = fields.integer("limit", in: Limits.pageCount) ?? Self.defaultLimit
      request.region = fields.text("region", bytes: 0...Limits.nameBytes)?.lowercased()
      request.online = fields.bool("online")
      request.capability = fields.text("capability", bytes: 1...Limits.nameBytes)
      request.minTrust = fields.number("min_trust", in: 0...1)
      request.search = fields.text("q", bytes: 1...Limits.minerIDBytes)
      return request
    }
  }

  private init() {}
}

extension FieldReader {
  /// An RFC 3339 time.
  mutating func time(_ name: String) -> Timestamp? {
    guard let text = text(name, bytes: 1...64) else { return nil }
    guard let time = Timestamp(rfc3339: text) else {
      fail(name, "format", "\(name) must be a time like 2030-01-31T12:00:00.000Z")
      return nil
    }
    return time
  }
}
