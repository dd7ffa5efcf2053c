import GatewayAPI
import HTTPTypes
import Hummingbird
import JSON

/// The log of what operators did, for operators.
struct AuditRoutes {
  let gateway: Gateway

  func add(to routes: inout RouteList) {
    routes.audience = .operators
    routes.get("/v1/audit", list)
  }

  @Sendable private func list(_ request: Request, _: GatewayContext) async throws -> Response {
    try gateway.callers.administrator(request)
    let query = try AuditListRequest(
      request.uri.queryParameters.map { (String($0.key), String($0.value)) })
    let rows = try await gateway.audit.page(
      before: query.before, action: query.action, limit: query.limit)
    var json = JSONWriter()
    json.object { json in
      json.arrayField("entries") { json in
        for row in rows {
          json.object { json in
            json.field("id", row.id)
            json.field("at", row.at.rfc3339)
            json.field("actor", row.entry.actor)
            json.field("origin", row.entry.origin)
            json.field("action", row.entry.action)
            json.field("subject", row.entry.subject)
            json.field("outcome", row.entry.outcome)
            json.field("detail", row.entry.detail)
            json.field("request_id", row.entry.requestID)
          }
        }
      }
      json.field("next_cursor", rows.count == query.limit ? rows.last.map { "\($0.id)" } : nil)
    }
    return .json(json.bytes)
  }
}
