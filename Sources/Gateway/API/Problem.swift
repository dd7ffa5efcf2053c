import JSON

/// An error as callers see it: RFC 9457's problem+json. Never holds an internal message.
package struct Problem: Error, Equatable, Sendable {
  /// What went wrong, as a stable word for programs.
  package enum Code: String, CaseIterable, Sendable {
    case notJSON = "not_json"
    case unauthorized, forbidden
    case wrongKey = "wrong_key"
    case keyInUse = "key_in_use"
    case keyNotIssued = "key_not_issued"
    case keyEnded = "key_ended"
    case unknownKey = "unknown_key"
    case tooManyKeys = "too_many_keys"
    case notFound = "not_found"
    case unknownMiner = "unknown_miner"
    case unknownService = "unknown_service"
    case serviceNeverSet = "service_never_set"
    case unknownJob = "unknown_job"
    case methodNotAllowed = "method_not_allowed"
    case lengthRequired = "length_required"
    case preconditionFailed = "precondition_failed"
    case tooLarge = "too_large"
    case unsupportedMediaType = "unsupported_media_type"
    case invalidFields = "invalid_fields"
    case idempotencyKeyReused = "idempotency_key_reused"
    case upgradeRequired = "upgrade_required"
    case headersTooLarge = "headers_too_large"
    case badRequest = "bad_request"
    case rateLimited = "rate_limited"
    case overloaded
    case noScorer = "no_scorer"
    case deadlinePassed = "deadline_passed"
    case storeUnavailable = "store_unavailable"
    case internalError = "internal_error"
  }

  package static let contentType = "application/problem+json"

  package var code: Code
  package var detail: String
  package var errors: [FieldError]
  package var retryAfterSeconds: Int?
  /// For 405: the methods that the path takes.
  package var allow: [String]
  /// For 429: `RateLimit` and `RateLimit-Policy`.
  package var rateLimit: RateLimitFields?
  /// For 401: what was wrong with what was presented; nil where nothing was.
  package var presented: RefusedProof?

  package init(
    _ code: Code, _ detail: String, errors: [FieldError] = [], retryAfterSeconds: Int? = nil,
    allow: [String] = []
  ) {
    self.code = code
    self.detail = detail
    self.errors = errors
    self.retryAfterSeconds = retryAfterSeconds
    self.allow = allow
  }

  package static func invalid(_ errors: [FieldError]) -> Problem {
    let names = errors.prefix(3).map(\.field).joined(separator: ", ")
    let more = errors.count > 3 ? " and \(errors.count - 3) more" : ""
    return Problem(.invalidFields, "these fields are wrong: \(names)\(more)", errors: errors)
  }

  package var status: Int {
    switch code {
    case .notJSON, .badRequest, .unknownService: 400
    case .unauthorized: 401
    case .forbidden, .wrongKey, .keyNotIssued, .keyEnded: 403
    case .notFound, .unknownMiner, .unknownKey, .serviceNeverSet, .unknownJob: 404
    case .methodNotAllowed: 405
    case .keyInUse, .tooManyKeys: 409
    case .lengthRequired: 411
    case .preconditionFailed: 412
    case .tooLarge: 413
    case .unsupportedMediaType: 415
    case .invalidFields, .idempotencyKeyReused: 422
    case .upgradeRequired: 426
    case .rateLimited: 429
    case .headersTooLarge: 431
    case .overloaded, .noScorer, .deadlinePassed, .storeUnavailable: 503
    case .internalError: 500
    }
  }

  package var title: String {
    switch status {
    case 400: "Bad Request"
    case 401: "Unauthorized"
    case 403: "Forbidden"
    case 404: "Not Found"
    case 405: "Method Not Allowed"
    case 409: "Conflict"
    case 411: "Length Required"
    case 412: "Precondition Failed"
    case 413: "Content Too Large"
    case 415: "Unsupported Media Type"
    case 422: "Unprocessable Content"
    case 426: "Upgrade Required"
    case 429: "Too Many Requests"
    case 431: "Request Header Fields Too Large"
    case 503: "Service Unavailable"
    default: "Internal Server Error"
    }
  }

  /// The answer's header fields, but for those that every answer has.
  package var headers: [(name: String, value: String)] {
    var headers = [(name: "Content-Type", value: Self.contentType)]
    if let retryAfterSeconds { headers.append(("Retry-After", String(retryAfterSeconds))) }
    if let rateLimit {
      headers.append((RateLimitFields.name, rateLimit.state))
      headers.append((RateLimitFields.policyName, rateLimit.policy))
    }
    if !allow.isEmpty { headers.append(("Allow", allow.joined(separator: ", "))) }
    if status == 401 { headers.append(("WWW-Authenticate", "Bearer realm=\"poolhub\"")) }
    if status == 426 {
      headers.append(("Upgrade", "websocket"))
      headers.append(("Connection", "upgrade"))
    }
    return headers
  }

  /// - Parameter requestID: nil where the problem is a part of an answer.
  package func body(requestID: String?) -> [UInt8] {
    var json = JSONWriter()
    json.object { json in
      json.field("type", "urn:poolhub:problem:" + code.rawValue)
      writeFields(to: &json, requestID: requestID)
    }
    return json.bytes
  }

  /// All but `type`: an `error` frame of a WebSocket has these too, and a `type` of its own.
  package func writeFields(to json: inout JSONWriter, requestID: String?) {
    json.field("title", title)
    json.field("status", status)
    json.field("detail", detail)
    json.field("code", code.rawValue)
    if let requestID { json.field("request_id", requestID) }
    if !errors.isEmpty {
      json.arrayField("errors") { json in
        for error in errors {
          json.object { json in
            json.field("field", error.field)
            json.field("code", error.code)
            json.field("detail", error.detail)
          }
        }
      }
    }
  }
}

/// Why a secret, key or session token proves nothing.
package enum RefusedProof: String, Equatable, Sendable {
  case unknown, mistyped, revoked, expired
}

/// The fields of draft-ietf-httpapi-ratelimit-headers: what a limit is, and what is left of it.
package struct RateLimitFields: Equatable, Sendable {
  package static let name = "RateLimit"
  package static let policyName = "RateLimit-Policy"

  /// `"match";r=9;t=1`: nine more now, all of the burst in a second.
  package var state: String
  /// `"match";q=10;w=1`: ten in a second.
  package var policy: String

  package init(state: String, policy: String) {
    self.state = state
    self.policy = policy
  }
}
