import GatewayAPI
import HTTPTypes
import Hummingbird
import JSON
import NIOCore
import NIOHTTP1
import OnePort

extension Response {
  static func json(_ body: [UInt8], status: HTTPResponse.Status = .ok) -> Response {
    json(ByteBuffer(bytes: body), status: status)
  }

  /// For long ones: what `write` writes stands at once where it is sent from.
  ///
  /// - Parameter byteCount: the most there will be, as a rule.
  static func json(byteCount: Int, _ write: (inout JSONWriter) -> Void) -> Response {
    var buffer = ByteBuffer()
    var longer: [UInt8]?
    buffer.writeWithUnsafeMutableBytes(minimumWritableBytes: byteCount) { room in
      let written = JSONWriter.write(into: room.bindMemory(to: UInt8.self), write)
      longer = written.longer
      return written.byteCount
    }
    if let longer { buffer.writeBytes(longer) }
    return json(buffer, status: .ok)
  }

  private static func json(_ body: ByteBuffer, status: HTTPResponse.Status) -> Response {
    Response(
      status: status, headers: [.contentType: "application/json"],
      body: ResponseBody(byteBuffer: body))
  }

  /// Says what is left of a limit, where there is one.
  func telling(_ left: RateLimitFields?) -> Response {
    guard let left else { return self }
    var response = self
    response.headers[.rateLimit] = left.state
    response.headers[.rateLimitPolicy] = left.policy
    return response
  }

  init(_ problem: Problem, requestID: String) {
    var headers = HTTPFields()
    for (name, value) in problem.headers {
      if let name = HTTPField.Name(name) { headers[name] = value }
    }
    self.init(
      status: HTTPResponse.Status(code: problem.status), headers: headers,
      body: ResponseBody(byteBuffer: ByteBuffer(bytes: problem.body(requestID: requestID))))
  }
}

extension ReadyResponse {
  init(_ problem: Problem, requestID: String) {
    self.init(
      status: HTTPResponseStatus(statusCode: problem.status),
      headers: HTTPHeaders(problem.headers.map { ($0.name, $0.value) }),
      body: problem.body(requestID: requestID))
    headers.add(name: HTTPField.Name.requestID.rawName, value: requestID)
  }
}

extension HTTPField.Name {
  static let requestID = HTTPField.Name("X-Request-ID")!
  static let poolHubKey = HTTPField.Name("X-PoolHub-Key")!
  static let rateLimit = HTTPField.Name(RateLimitFields.name)!
  static let rateLimitPolicy = HTTPField.Name(RateLimitFields.policyName)!
  static let idempotencyKey = HTTPField.Name("Idempotency-Key")!
}
