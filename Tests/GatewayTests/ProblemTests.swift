import GatewayAPI
import JSON
import Testing

@Suite("Problem answers")
struct ProblemTests {
  static let known: [(code: Problem.Code, word: String, status: Int, title: String)] = [
    (.notJSON, "not_json", 400, "Bad Request"), (.badRequest, "bad_request", 400, "Bad Request"),
    (.unauthorized, "unauthorized", 401, "Unauthorized"),
    (.forbidden, "forbidden", 403, "Forbidden"),
    (.wrongKey, "wrong_key", 403, "Forbidden"), (.keyNotIssued, "key_not_issued", 403, "Forbidden"),
    (.keyEnded, "key_ended", 403, "Forbidden"), (.unknownKey, "unknown_key", 404, "Not Found"),
    (.tooManyKeys, "too_many_keys", 409, "Conflict"),
    (.notFound, "not_found", 404, "Not Found"), (.unknownMiner, "unknown_miner", 404, "Not Found"),
    (.unknownService, "unknown_service", 400, "Bad Request"),
    (.serviceNeverSet, "service_never_set", 404, "Not Found"),
    (.unknownJob, "unknown_job", 404, "Not Found"),
    (.methodNotAllowed, "method_not_allowed", 405, "Method Not Allowed"),
    (.keyInUse, "key_in_use", 409, "Conflict"),
    (.lengthRequired, "length_required", 411, "Length Required"),
    (.preconditionFailed, "precondition_failed", 412, "Precondition Failed"),
    (.tooLarge, "too_large", 413, "Content Too Large"),
    (.unsupportedMediaType, "unsupported_media_type", 415, "Unsupported Media Type"),
    (.invalidFields, "invalid_fields", 422, "Unprocessable Content"),
    (.idempotencyKeyReused, "idempotency_key_reused", 422, "Unprocessable Content"),
    (.upgradeRequired, "upgrade_required", 426, "Upgrade Required"),
    (.headersTooLarge, "headers_too_large", 431, "Request Header Fields Too Large"),
    (.internalError, "internal_error", 500, "Internal Server Error"),
    (.rateLimited, "rate_limited", 429, "Too Many Requests"),
    (.overloaded, "overloaded", 503, "Service Unavailable"),
    (.noScorer, "no_scorer", 503, "Service Unavailable"),
    (.deadlinePassed, "deadline_passed", 503, "Service Unavailable"),
    (.storeUnavailable, "store_unavailable", 503, "Service Unavailable"),
  ]

  @Test("each code has its status, title and body", arguments: Problem.Code.allCases)
  func code(_ code: Problem.Code) throws {
    let expected = try #require(Self.known.first { $0.code == code })
    let problem = Problem(code, "what \"went\" wrong")
    #expect(problem.status == expected.status)
    #expect(problem.title == expected.title)
    #expect(
      String(decoding: problem.body(requestID: "r-1"), as: UTF8.self)
        == "{\"type\":\"urn:poolhub:problem:\(expected.word)\",\"title\":\"\(expected.title)\","
        + "\"status\":\(expected.status),\"detail\":\"what \\\"went\\\" wrong\","
        + "\"code\":\"\(expected.word)\",\"request_id\":\"r-1\"}")
  }

  @Test("faults of fields are listed, and the first three named in the detail")
  func fields() throws {
    let errors = ["a", "b.c", "d[0]", "e"].map {
      FieldError(field: $0, code: "type", detail: "\($0) must be \"so\"")
    }
    #expect(Problem.invalid(Array(errors.prefix(1))).detail == "these fields are wrong: a")
    let problem = Problem.invalid(errors)
    #expect(problem.detail == "these fields are wrong: a, b.c, d[0] and 1 more")
    let body = try JSONValue.parse(problem.body(requestID: "r"))
    #expect(body["errors"]?.array?.map { $0["field"]?.string } == ["a", "b.c", "d[0]", "e"])
    #expect(body["errors"]?.array?.first?["detail"]?.string == "a must be \"so\"")
    #expect(body["errors"]?.array?.first?["code"]?.string == "type")
  }

  @Test("a field's name comes back whole, whatever it holds")
  func oddNames() throws {
    let object = try RequestReading.object(
      #"{"miner_id":"m","api_key":"sixteen-bytes-ok","tags":{"a\"\u0000\n":null}}"#)
    let problem = try #require(#expect(throws: Problem.self) { try RegisterRequest(object) })
    let body = try JSONValue.parse(problem.body(requestID: "r"))
    #expect(body["errors"]?.array?.first?["field"]?.string == "tags.a\"\0\n")
  }
}
