import Domain
import Foundation
import GatewayAPI
import GatewayPolicy
import GatewayServices
import HTTPTypes
import Hummingbird
import JSON
import NIOCore
import Postgres
import ScorerClient
import ServiceLifecycle

/// What the pool's page asks for: the summary for everybody, single miners and tried matches for
/// operators.
struct PoolRoutes {
  private static let feedbackLimit = 20
  /// How soon a viewer hears of a new edition, and of the gateway's end.
  private static let lookInterval = Duration.milliseconds(250)

  let gateway: Gateway

  func add(to routes: inout RouteList) {
    routes.audience = .anyone
    routes.get("/v1/pool", summary)
    routes.get("/v1/pool/events", events)
    routes.audience = .operators
    routes.get("/v1/pool/miners/{id}", miner)
    routes.post("/v1/pool/match", match)
  }

  @Sendable private func summary(_: Request, _: GatewayContext) async throws -> Response {
    var response = Response.json(gateway.watch.look().body)
    response.headers[.cacheControl] = "no-store"
    return response
  }

  // MARK: Live

  @Sendable private func events(_: Request, _: GatewayContext) async throws -> Response {
    guard let place = gateway.watch.takePlace() else {
      throw Problem(.overloaded, "too many are watching already", retryAfterSeconds: 10)
    }
    let watch = gateway.watch
    return Response(
      status: .ok,
      headers: [
        .contentType: "text/event-stream", .cacheControl: "no-store", .buffering: "no",
      ],
      body: ResponseBody { writer in
        // Held until the viewer goes.
        defer { withExtendedLifetime(place) {} }
        try await writer.write(Self.event("history", watch.history()))
        var seen = 0
        while !Task.isCancelled && !Task.isShuttingDownGracefully {
          let edition = watch.look()
          if edition.number != seen {
            seen = edition.number
            try await writer.write(Self.event("pool", edition.body))
          }
          try await Task.sleep(for: Self.lookInterval)
        }
        try await writer.finish(nil)
      })
  }

  /// A server-sent event; JSON written by us has no line feed in it.
  private static func event(_ name: String, _ data: [UInt8]) -> ByteBuffer {
    var buffer = ByteBuffer(string: "event: \(name)\ndata: ")
    buffer.writeBytes(data)
    buffer.writeString("\n\n")
    return buffer
  }

  // MARK: For operators

  @Sendable private func miner(
    _ request: Request, _ context: GatewayContext
  ) async throws -> Response {
    try gateway.callers.administrator(request)
    let name = context.parameters.get("id").flatMap(\.removingPercentEncoding)
    guard let id = name.flatMap({ MinerID($0) }),
      let held = try await gateway.miners.record(id)
    else { throw Problem(.unknownMiner, "this miner is not registered") }
    let live = try await gateway.statuses(of: [id])[id]
    let feedback = try await gateway.overview.feedback(on: id, limit: Self.feedbackLimit)
    let services = try await gateway.services.list(id)
    let status = MinerStatus(
      record: held.record, trust: held.trust, live: live, createdAt: held.createdAt)
    return .json(Self.body(status, services, feedback))
  }

  private static func body(
    _ status: MinerStatus, _ services: [StoredService],
    _ feedback: [PostgresOverview.CountedFeedback]
  ) -> [UInt8] {
    var json = JSONWriter(capacity: 4_096)
    json.object { json in
      json.field(named: "miner") { status.write(to: &$0, at: .now) }
      json.arrayField("services") { json in
        for service in services { ServiceAnswer.write(service.type, service, to: &json) }
      }
      json.arrayField("feedback") { json in
        for report in feedback {
          json.object { json in
            json.field("coordinator", report.coordinator)
            json.field("job_id", report.jobID)
            json.field("outcome", report.outcome)
            json.field("weight", report.weight)
            json.field("trust_before", report.trustBefore)
            json.field("trust_after", report.trustAfter)
            json.field("at", report.at.rfc3339)
          }
        }
      }
    }
    return json.bytes
  }

  /// A match that is only looked at: always explained, in no metric and no history.
  @Sendable private func match(_ request: Request, _: GatewayContext) async throws -> Response {
    try gateway.callers.administrator(request)
    var body = try MatchRequest(await request.jsonObject())
    body.query.explainsFully = true
    // Nothing is offered to anybody.
    body.query.isSpread = false
    let reply: MatchReply
    do {
      reply = try await gateway.scorers.match(
        body.query, deadlineMilliseconds: body.deadlineMilliseconds,
        after: gateway.acknowledged.upTo)
    } catch {
      throw Problem(error)
    }
    return .json(
      MatchResponse(jobID: body.query.jobID, matchID: RequestID.next(), answer: reply.answer)
        .body())
  }
}

extension HTTPField.Name {
  /// Tells a proxy to pass each event on at once.
  fileprivate static let buffering = HTTPField.Name("X-Accel-Buffering")!
}
