import Domain
import HTTPTypes
import Hummingbird
import JSON
import NIOCore
import Telemetry

/// What balancers and monitoring ask for.
struct OperationsRoutes {
  let gateway: Gateway

  func add(to routes: inout RouteList) {
    routes.audience = .anyone
    routes.get("/v1/health", health)
    routes.get("/health", health)
    routes.get("/v1/live", live)
    routes.audience = .metrics
    routes.get("/v1/metrics", metrics)
    routes.get("/metrics", metrics)
  }

  @Sendable private func health(_: Request, _: GatewayContext) async throws -> Response {
    let stores = gateway.health.stores
    let scorers = gateway.scorers.snapshot()
    let usableCount = scorers.count { $0.isUsable }
    let online = gateway.health.onlineMiners
    var json = JSONWriter()
    json.object { json in
      json.field("status", gateway.health.status)
      json.field("db", stores.databaseError == nil)
      json.field("redis", stores.redisError == nil)
      json.field("scorers", usableCount)
      json.field("miners_online", value: online.map { .number(String($0)) } ?? .null)
      json.field("online_miners", value: online.map { .number(String($0)) } ?? .null)
      json.field("avg_latency_ms", gateway.health.avgLatencyMilliseconds)
      json.field("db_error", stores.databaseError)
      json.field("redis_error", stores.redisError)
      json.field("miners_error", online == nil ? "no scorer is usable" : nil)
      json.field("version", Version.current)
      json.field("gateway", gateway.settings.gatewayID)
      json.field("gateways", gateway.announcer.gateways)
      ScorerList.write(scorers, to: &json, as: "scorer_list")
    }
    return .json(json.bytes, status: usableCount == 0 ? .serviceUnavailable : .ok)
  }

  @Sendable private func live(_: Request, _: GatewayContext) async throws -> Response {
    var json = JSONWriter(capacity: 32)
    json.object { $0.field("status", "ok") }
    return .json(json.bytes)
  }

  @Sendable private func metrics(_: Request, _: GatewayContext) async throws -> Response {
    Response(
      status: .ok, headers: [.contentType: "text/plain; version=0.0.4; charset=utf-8"],
      body: ResponseBody(byteBuffer: ByteBuffer(string: gateway.metrics.render())))
  }
}
