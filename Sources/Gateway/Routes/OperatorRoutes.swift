import Domain
import Foundation
import GatewayAPI
import HTTPTypes
import Hummingbird
import Messaging
import Postgres
import Wire

/// What operators do: look at the registry, and have the last word on a price.
struct OperatorRoutes {
  /// A page of online miners may have to look at many that are not: so many at a time, so many in all.
  private static let rowsPerQuery = 500
  private static let rowsPerPage = 20_000

  let gateway: Gateway

  func add(to routes: inout RouteList) {
    routes.audience = .operators
    routes.get("/v1/miners", list)
    routes.put("/v1/miners/{id}/price-override", putPriceOverride)
    routes.delete("/v1/miners/{id}/price-override", deletePriceOverride)
  }

  @Sendable private func list(_ request: Request, _: GatewayContext) async throws -> Response {
    try gateway.callers.administrator(request)
    let query = try MinerListRequest(
      request.uri.queryParameters.map { (String($0.key), String($0.value)) })
    let now = Timestamp.now
    var found: [MinerStatus] = []
    var cursor = query.after
    var rowCount = 0
    while found.count < query.limit && rowCount < Self.rowsPerPage {
      let rows = try await rows(after: cursor, query)
      for miner in rows where found.count < query.limit {
        cursor = miner.record.id
        if query.online == nil || miner.isOnline(at: now) == query.online { found.append(miner) }
      }
      rowCount += rows.count
      if rows.count < Self.rowsPerQuery && cursor == (rows.last?.record.id ?? cursor) {
        cursor = nil
        break
      }
    }
    return .json(MinerAnswer.list(found, nextCursor: cursor, at: now))
  }

  /// The next rows, with what is live of each.
  private func rows(after: MinerID?, _ query: MinerListRequest) async throws -> [MinerStatus] {
    let rows = try await gateway.miners.page(
      after: after, limit: Self.rowsPerQuery,
      filter: MinerFilter(
        region: query.region, capability: query.capability, minTrust: query.minTrust,
        idPart: query.search))
    let live = try await gateway.statuses(of: rows.map(\.record.id))
    return rows.map { row in
      MinerStatus(
        record: row.record, trust: row.trust, live: live[row.record.id], createdAt: row.createdAt)
    }
  }

  @Sendable private func putPriceOverride(
    _ request: Request, _ context: GatewayContext
  ) async throws -> Response {
    try gateway.callers.administrator(request)
    let id = try Self.minerID(context)
    return try await gateway.audited(.setPriceOverride, id.text, context) { entry in
      let body = try PriceOverrideRequest(await request.jsonObject(), at: .now)
      var entry = entry
      entry.detail = "\(body.priceOverride.price): \(body.priceOverride.reason)"
      try await setPriceOverride(body.priceOverride, of: id, entry)
      return .json(MinerAnswer.priceOverride(id: id, body.priceOverride))
    }
  }

  @Sendable private func deletePriceOverride(
    _ request: Request, _ context: GatewayContext
  ) async throws -> Response {
    try gateway.callers.administrator(request)
    let id = try Self.minerID(context)
    return try await gateway.audited(.removePriceOverride, id.text, context) { entry in
      try await setPriceOverride(nil, of: id, entry)
      return .json(MinerAnswer.priceOverride(id: id, nil))
    }
  }

  private func setPriceOverride(
    _ override: PriceOverride?, of id: MinerID, _ entry: AuditEntry
  ) async throws {
    let updated = try await gateway.miners.setPriceOverride(
      id, override, now: .now, audit: entry, encode: { ChangeCodec.encode([.record($0)]) })
    guard let updated else { throw Problem(.unknownMiner, "this miner is not registered") }
    gateway.acknowledged.note(
      await gateway.writer.append([.record(updated.record)], outboxIDs: [updated.outboxID]))
  }

  private static func minerID(_ context: GatewayContext) throws(Problem) -> MinerID {
    // The router leaves a path's segments as they were sent.
    let name = context.parameters.get("id").flatMap(\.removingPercentEncoding)
    guard let id = name.flatMap({ MinerID($0) }) else {
      throw Problem(.unknownMiner, "this miner is not registered")
    }
    return id
  }
}
