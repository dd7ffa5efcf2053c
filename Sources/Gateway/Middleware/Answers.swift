import GatewayAPI
import HTTPTypes
import Hummingbird
import NIOCore

extension Response {
  static func json(_ body: [UInt8], status: HTTPResponse.Status = .ok) -> Response {
    Response(
      status: status, headers: [.contentType: "application/json"],
      body: ResponseBody(byteBuffer: ByteBuffer(bytes: body)))
  }

  init(_ problem: Problem, requestID: String) {
    var headers: HTTPFields = [.contentType: Problem.contentType]
    if let seconds = problem.retryAfterSeconds { headers[.retryAfter] = String(seconds) }
    if !problem.allow.isEmpty { headers[.allow] = problem.allow.joined(separator: ", ") }
    if problem.status == 401 { headers[.wwwAuthenticate] = "Bearer realm=\"poolhub\"" }
    if problem.status == 426 {
      headers[.upgrade] = "websocket"
      headers[.connection] = "upgrade"
    }
    self.init(
      status: HTTPResponse.Status(code: problem.status), headers: headers,
      body: ResponseBody(byteBuffer: ByteBuffer(bytes: problem.body(requestID: requestID))))
  }
}

extension HTTPField.Name {
  static let requestID = HTTPField.Name("X-Request-ID")!
  static let poolHubKey = HTTPField.Name("X-PoolHub-Key")!
  static let idempotencyKey = HTTPField.Name("Idempotency-Key")!
}
