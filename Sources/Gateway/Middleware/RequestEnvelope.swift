import Domain
import GatewayAPI
import GatewayPolicy
import HTTPTypes
import Hummingbird
import Logging
import NIOCore
import NIOHTTP1

/// The outermost layer of every request: gives it an id, times and counts it, and turns whatever is
/// thrown into a problem answer that says nothing of the inside.
struct RequestEnvelope: RouterMiddleware {
  typealias Context = GatewayContext

  let paths: PathTable
  let metrics: GatewayMetrics
  let addresses: ClientAddresses
  let signIns: SignIns
  let logger: Logger

  func handle(
    _ request: Request, context: GatewayContext,
    next: (Request, GatewayContext) async throws -> Response
  ) async throws -> Response {
    var context = context
    context.requestID = Self.requestID(sent: request.headers[.requestID])
    context.client = addresses.client(of: context.channel, request.headers)
    let started = ContinuousClock.now
    var response: Response
    do {
      response = try await guarded(request, context, next)
    } catch let error as HTTPParserError {
      // The caller broke off, or what follows is no HTTP: the server ends the connection.
      throw error
    } catch {
      let problem = problem(for: error, request)
      note(problem, error, requestID: context.requestID, path: request.uri.path)
      response = Response(problem, requestID: context.requestID)
    }
    // Errors too: the bytes of a body would be read as the next answer.
    if request.method == .head { response = response.createHeadResponse() }
    response.headers[.requestID] = context.requestID
    metrics.answered(
      route: context.endpointPath ?? "unknown", status: response.status.code,
      after: .now - started)
    return response
  }

  /// Holds back who tries out secrets.
  private func guarded(
    _ request: Request, _ context: GatewayContext,
    _ next: (Request, GatewayContext) async throws -> Response
  ) async throws -> Response {
    let attempt = SignIns.Attempt(
      client: context.client, token: request.headers[.authorization].flatMap(Callers.bearer),
      hasKey: request.headers[.poolHubKey] != nil,
      isRead: request.method == .get || request.method == .head)
    try signIns.check(attempt)
    do {
      return try await addresses.certified(context.channel) {
        try await next(request, context)
      }
    } catch let problem as Problem {
      try signIns.note(problem, attempt)
      throw problem
    }
  }

  /// The caller's own id when it is sane, else one of ours.
  static func requestID(sent: String?) -> String {
    if let sent, RequestID.isSane(sent) { return sent }
    return RequestID.next()
  }

  /// What callers aren't told of goes into the log.
  func note(_ problem: Problem, _ error: any Error, requestID: String, path: String) {
    guard problem.status == 500 else { return }
    logger.error(
      "a request failed",
      metadata: [
        "request_id": "\(requestID)", "path": "\(path)",
        "reason": "\(String(reflecting: error))",
      ])
  }

  private func problem(for error: any Error, _ request: Request) -> Problem {
    switch error {
    case let problem as Problem: return problem
    case let error as HTTPError where error.status == .notFound: return notFound(request)
    case let error as HTTPError where error.status == .contentTooLarge:
      return Self.tooLarge(limit: Limits.bodyBytes)
    case let error as HTTPError where (400..<500).contains(error.status.code):
      return Problem(.badRequest, "the request could not be read")
    default:
      return StoreProblem.of(error)
        ?? Problem(.internalError, "something went wrong here; it has been logged")
    }
  }

  static func tooLarge(limit: Int) -> Problem {
    Problem(.tooLarge, "the body may have at most \(limit) bytes")
  }

  /// The router says only that nothing fits; the path may exist with other methods.
  private func notFound(_ request: Request) -> Problem {
    let allowed = paths.methods(of: request.uri.path)
    if allowed.isEmpty { return Problem(.notFound, "there is nothing at this path") }
    return Problem(
      .methodNotAllowed, "this path takes \(allowed.joined(separator: ", "))", allow: allowed)
  }
}
