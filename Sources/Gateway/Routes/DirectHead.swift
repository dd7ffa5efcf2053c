import Domain
import Hummingbird
import NIOHTTP1

/// What requests have a direct way in for. Each is the route's path, as `RouterPath` has it: both ways are
/// counted as one.
enum DirectPath: String, CaseIterable {
  case match = "/v1/match"
  case feedback = "/v1/feedback"

  init?(uri: String) {
    switch uri {
    case "/v1/match", "/v1/match/": self = .match
    case "/v1/feedback", "/v1/feedback/": self = .feedback
    default: return nil
    }
  }
}

/// What the direct way in needs of a request's head. A head that is unusual in any way has
/// none of it: such requests go through the router.
struct DirectHead {
  let path: DirectPath
  private(set) var idempotencyKey: String?
  private(set) var authorization: String?
  private(set) var key: String?
  private(set) var requestID: String?
  private var contentType: String?
  private var contentLength: String?

  init?(_ head: HTTPRequestHead) {
    guard head.method == .POST, head.version == .http1_1, let path = DirectPath(uri: head.uri)
    else { return nil }
    self.path = path
    for (name, value) in head.headers {
      guard take(name, value) else { return nil }
    }
    guard let length = contentLength.flatMap({ Int($0) }), length <= Limits.bodyBytes else {
      return nil
    }
    if let contentType, !Request.isJSON(contentType) { return nil }
  }

  /// - Returns: false when the field makes the request unusual.
  private mutating func take(_ name: String, _ value: String) -> Bool {
    // By length first: most names are told apart by it.
    switch name.utf8.count {
    case 6: return !name.isASCII("expect")
    case 7: return !name.isASCII("upgrade")
    case 10: return !name.isASCII("connection") || value.isASCII("keep-alive")
    case 12 where name.isASCII("content-type"): return Self.set(&contentType, value)
    case 12 where name.isASCII("x-request-id"): return Self.set(&requestID, value)
    case 13 where name.isASCII("authorization"): return Self.set(&authorization, value)
    case 13 where name.isASCII("x-poolhub-key"): return Self.set(&key, value)
    case 14 where name.isASCII("content-length"): return Self.set(&contentLength, value)
    case 15 where name.isASCII("idempotency-key"): return Self.set(&idempotencyKey, value)
    case 17: return !name.isASCII("transfer-encoding")
    default: return true
    }
  }

  /// - Returns: false when the field came before; what two of them mean is the router's affair.
  private static func set(_ field: inout String?, _ value: String) -> Bool {
    if field != nil { return false }
    field = value
    return true
  }
}

extension String {
  /// Equal but for the case of its letters.
  ///
  /// - Parameter lowercase: of ASCII alone.
  fileprivate func isASCII(_ lowercase: StaticString) -> Bool {
    guard utf8.count == lowercase.utf8CodeUnitCount else { return false }
    var place = lowercase.utf8Start
    for byte in utf8 {
      let isUpper = (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains(byte)
      if (isUpper ? byte | 0x20 : byte) != place.pointee { return false }
      place += 1
    }
    return true
  }
}
