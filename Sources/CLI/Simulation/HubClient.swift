import AsyncHTTPClient
import JSON
import NIOCore
import NIOHTTP1

/// What a hub answered, untouched.
package struct HubAnswer: Sendable {
  package let status: Int
  package let headers: [(name: String, value: String)]
  package let body: [UInt8]

  package init(status: Int, headers: [(name: String, value: String)], body: [UInt8]) {
    self.status = status
    self.headers = headers
    self.body = body
  }

  /// nil when the body isn't JSON.
  package var json: JSONValue? { try? JSONValue.parse(body) }
  package var text: String { String(decoding: body, as: UTF8.self) }
  package var isSuccess: Bool { (200...299).contains(status) }

  /// The first header of this name, whatever its case.
  package func header(_ name: String) -> String? {
    headers.first { $0.name.lowercased() == name.lowercased() }?.value
  }

  /// One line for a person: the status and what the problem document says of it.
  package var summary: String {
    guard let json else { return "\(status)" }
    let detail = json["detail"]?.string ?? json["title"]?.string ?? ""
    let fields = (json["errors"]?.array ?? []).map { error in
      "\(error["field"]?.string ?? "?"): \(error["detail"]?.string ?? error["code"]?.string ?? "?")"
    }
    return ([("\(status) \(detail)")] + fields).joined(separator: "; ")
  }
}

/// The hub gave no answer: refused, cut off, too late.
package struct HubUnreachable: Error, CustomStringConvertible {
  package let url: String
  package let reason: String

  package var description: String { "\(url) gave no answer: \(reason)" }
}

/// Talks to one gateway over HTTP. Plain on purpose: every answer comes back as it was, whatever its
/// status, so that callers decide what is an error.
package struct HubClient: Sendable {
  /// Scheme, host and port, with no slash at the end.
  package let baseURL: String
  package var coordinatorSecret: String?
  package var adminSecret: String?
  package var timeout: Duration
  /// Hears of each answer: method, path, status.
  package var onAnswer: (@Sendable (String, String, Int) -> Void)?

  /// One pool of connections for the whole process; it lives as long.
  private static let http = HTTPClient(configuration: configuration)
  private static let bodyLimit = 64 * 1024 * 1024

  private static var configuration: HTTPClient.Configuration {
    var configuration = HTTPClient.Configuration(
      redirectConfiguration: .disallow,
      timeout: .init(connect: .seconds(5)),
      connectionPool: .init(
        idleTimeout: .seconds(30), concurrentHTTP1ConnectionsPerHostSoftLimit: 256))
    configuration.httpVersion = .http1Only
    // Whoever wants to try again does so knowingly.
    configuration.connectionPool.retryConnectionEstablishment = false
    return configuration
  }

  /// - Parameter url: `http://host:port`.
  package init(
    url: String, coordinatorSecret: String? = nil, adminSecret: String? = nil,
    timeout: Duration = .seconds(30)
  ) {
    baseURL = url.hasSuffix("/") ? String(url.dropLast()) : url
    self.coordinatorSecret = coordinatorSecret
    self.adminSecret = adminSecret
    self.timeout = timeout
  }

  /// Sends a request and reads the whole answer.
  ///
  /// - Parameters:
  ///   - path: with its query, already encoded.
  ///   - bearer: what stands behind `Authorization: Bearer`; nil: no such header.
  ///   - body: sent as `application/json` unless `headers` names another type.
  /// - Throws: `HubUnreachable`, or `CancellationError` when the task was cancelled.
  package func request(
    _ method: String, _ path: String, bearer: String? = nil,
    headers: [(String, String)] = [], body: [UInt8]? = nil
  ) async throws -> HubAnswer {
    var request = HTTPClientRequest(url: baseURL + path)
    request.method = HTTPMethod(rawValue: method)
    if let bearer { request.headers.add(name: "Authorization", value: "Bearer \(bearer)") }
    for (name, value) in headers { request.headers.add(name: name, value: value) }
    if let body {
      if !request.headers.contains(name: "Content-Type") {
        request.headers.add(name: "Content-Type", value: "application/json")
      }
      request.body = .bytes(body)
    }
    do {
      let response = try await Self.http.execute(request, timeout: TimeAmount(timeout))
      let buffer = try await response.body.collect(upTo: Self.bodyLimit)
      onAnswer?(method, path, Int(response.status.code))
      return HubAnswer(
        status: Int(response.status.code),
        headers: response.headers.map { (name: $0.name, value: $0.value) },
        body: Array(buffer.readableBytesView))
    } catch {
      try Task.checkCancellation()
      throw HubUnreachable(url: baseURL, reason: Self.reason(error))
    }
  }

  /// The same with the body as text.
  package func request(
    _ method: String, _ path: String, bearer: String? = nil,
    headers: [(String, String)] = [], text: String
  ) async throws -> HubAnswer {
    try await request(method, path, bearer: bearer, headers: headers, body: Array(text.utf8))
  }

  /// `?name=value&…`, encoded; empty for no parameters.
  package static func query(_ parameters: [(String, String)]) -> String {
    if parameters.isEmpty { return "" }
    return "?" + parameters.map { "\(encode($0.0))=\(encode($0.1))" }.joined(separator: "&")
  }

  /// Percent-encodes everything but RFC 3986's unreserved characters.
  package static func encode(_ text: String) -> String {
    var result = ""
    for byte in text.utf8 {
      switch byte {
      case UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "a")...UInt8(ascii: "z"),
        UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "."),
        UInt8(ascii: "_"), UInt8(ascii: "~"):
        result.unicodeScalars.append(Unicode.Scalar(byte))
      default:
        let digits = String(byte, radix: 16, uppercase: true)
        result += digits.count == 1 ? "%0\(digits)" : "%\(digits)"
      }
    }
    return result
  }

  private static func reason(_ error: any Error) -> String {
    guard let error = error as? HTTPClientError else {
      let text = "\(error)"
      return text.contains("ECONNREFUSED") || text.contains("errno: 111")
        ? "connection refused" : text
    }
    if error == .deadlineExceeded || error == .readTimeout { return "it took too long" }
    if error == .connectTimeout { return "no connection in time" }
    return error.shortDescription
  }
}

// MARK: - The contract's calls

extension HubClient {
  package func register(_ body: [UInt8]) async throws -> HubAnswer {
    try await request("POST", "/v1/miners/register", body: body)
  }

  package func update(_ body: [UInt8], token: String) async throws -> HubAnswer {
    try await request("POST", "/v1/miners/update", bearer: token, body: body)
  }

  package func heartbeat(_ body: [UInt8], token: String) async throws -> HubAnswer {
    try await request("POST", "/v1/miners/heartbeat", bearer: token, body: body)
  }

  package func renewLease(token: String) async throws -> HubAnswer {
    try await request("POST", "/v1/miners/lease/renew", bearer: token)
  }

  package func status(token: String) async throws -> HubAnswer {
    try await request("GET", "/v1/miners/status", bearer: token)
  }

  package func logout(token: String) async throws -> HubAnswer {
    try await request("POST", "/v1/miners/logout", bearer: token)
  }

  package func match(_ body: [UInt8]) async throws -> HubAnswer {
    try await request("POST", "/v1/match", bearer: coordinatorSecret, body: body)
  }

  /// - Parameter requests: each a match's body.
  package func matchBatch(_ requests: [String], isSpread: Bool = false) async throws -> HubAnswer {
    let list = requests.joined(separator: ",")
    return try await request(
      "POST", "/v1/match/batch", bearer: coordinatorSecret,
      text: "{\"spread\":\(isSpread),\"requests\":[\(list)]}")
  }

  package func feedback(
    _ body: [UInt8], idempotencyKey: String? = nil
  ) async throws -> HubAnswer {
    try await request(
      "POST", "/v1/feedback", bearer: coordinatorSecret,
      headers: idempotencyKey.map { [("Idempotency-Key", $0)] } ?? [], body: body)
  }

  /// One page of the operator's listing.
  package func miners(_ parameters: [(String, String)] = []) async throws -> HubAnswer {
    try await request("GET", "/v1/miners" + Self.query(parameters), bearer: adminSecret)
  }

  package func setPriceOverride(of minerID: String, _ body: [UInt8]) async throws -> HubAnswer {
    let path = "/v1/miners/\(Self.encode(minerID))/price-override"
    return try await request("PUT", path, bearer: adminSecret, body: body)
  }

  package func removePriceOverride(of minerID: String) async throws -> HubAnswer {
    let path = "/v1/miners/\(Self.encode(minerID))/price-override"
    return try await request("DELETE", path, bearer: adminSecret)
  }

  package func health() async throws -> HubAnswer { try await request("GET", "/v1/health") }
}
