import GatewayAPI
import Hummingbird
import Postgres

/// What operators do, as the audit log calls it.
enum OperatorAction: String {
  case issueKey = "key.issue"
  case rotateKey = "key.rotate"
  case revokeKey = "key.revoke"
  case setPriceOverride = "price_override.set"
  case removePriceOverride = "price_override.remove"
}

extension Gateway {
  /// Carries out an operator's action. `body` stores the entry that it is given together with what it
  /// does; here is written what was refused.
  func audited(
    _ action: OperatorAction, _ subject: String, _ context: GatewayContext,
    _ body: (AuditEntry) async throws -> Response
  ) async throws -> Response {
    var entry = AuditEntry(
      actor: "operator", origin: context.client.description, action: action.rawValue,
      subject: subject,
      requestID: context.requestID)
    do {
      return try await body(entry)
    } catch let problem as Problem {
      entry.outcome = problem.code.rawValue
      try await audit.append(entry)
      throw problem
    }
  }
}
