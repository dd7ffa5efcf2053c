import Domain
import GatewayAPI
import HTTPTypes
import Hummingbird
import JSON
import NIOCore

extension Request {
  /// The body as a JSON object.
  ///
  /// - Throws: `Problem` 411, 413, 415, 400 or 422.
  func jsonObject() async throws -> JSONObject {
    try Body.object(try await jsonBytes().readableBytesView)
  }

  /// As `jsonObject`, or an empty one when there is no body at all.
  func optionalJSONObject() async throws -> JSONObject {
    let length = headers[.contentLength].flatMap(Int.init) ?? 0
    if length == 0 && headers[.transferEncoding] == nil { return JSONObject() }
    return try await jsonObject()
  }

  /// The body's bytes, which should be JSON.
  ///
  /// - Parameter limit: the most bytes there may be.
  /// - Throws: `Problem` 411, 413 or 415.
  func jsonBytes(limit: Int = Limits.bodyBytes) async throws -> ByteBuffer {
    let length = headers[.contentLength]
    if length == nil && headers[.transferEncoding] == nil {
      throw Problem(.lengthRequired, "the request needs a Content-Length and a JSON body")
    }
    if let length = length.flatMap(Int.init), length > limit {
      throw RequestEnvelope.tooLarge(limit: limit)
    }
    if let type = headers[.contentType], !Self.isJSON(type) {
      throw Problem(.unsupportedMediaType, "the body must be application/json")
    }
    do {
      return try await body.collect(upTo: limit)
    } catch is NIOTooManyBytesError {
      // A body that comes in chunks says nothing of its length beforehand.
      throw RequestEnvelope.tooLarge(limit: limit)
    }
  }

  /// Whether a `Content-Type` says so.
  static func isJSON(_ type: String) -> Bool {
    if type == "application/json" { return true }
    let essence = type.prefix { $0 != ";" }.lowercased().filter { $0 != " " }
    return essence == "application/json" || essence.hasSuffix("+json")
  }
}

extension ByteBuffer {
  /// - Throws: `Problem` 400 when the bytes aren't JSON, 422 with every fault.
  func matchRequest() throws(Problem) -> MatchRequest {
    // `withUnsafe…` rethrows untyped, so the typed error is carried out as a value.
    try withUnsafeReadableBytes { bytes in
      Result { () throws(Problem) in try MatchRequest(body: bytes) }
    }.get()
  }

  /// - Throws: `Problem` 400 when the bytes aren't JSON, 422 when they aren't a batch.
  func matchBatch() throws(Problem) -> MatchBatch {
    try withUnsafeReadableBytes { bytes in
      Result { () throws(Problem) in try MatchBatch(body: bytes) }
    }.get()
  }
}
