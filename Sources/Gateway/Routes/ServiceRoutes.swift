import Domain
import Foundation
import GatewayAPI
import GatewayServices
import HTTPTypes
import Hummingbird
import JSON
import Messaging
import Postgres
import Wire

/// What miners say of the services that they offer. The path names no miner: each reaches its own alone.
struct ServiceRoutes {
  let gateway: Gateway

  func add(to routes: inout RouteList) {
    routes.audience = .anyone
    routes.get("/v1/services", list)
    routes.get("/v1/services/templates", templates)
    routes.get("/v1/services/templates/{type}", template)
    routes.post("/v1/services/validate/{type}", validate)
    routes.get("/v1/services/{type}", show)
    routes.post("/v1/services/{type}", put)
    routes.patch("/v1/services/{type}", patch)
    routes.delete("/v1/services/{type}", remove)
  }

  @Sendable private func list(_ request: Request, _: GatewayContext) async throws -> Response {
    let id = try await gateway.callers.miner(request)
    return .json(ServiceAnswer.list(try await gateway.services.list(id)))
  }

  @Sendable private func templates(_: Request, _: GatewayContext) async throws -> Response {
    .json(ServiceAnswer.templates(gateway.catalogue.types))
  }

  @Sendable private func template(
    _ request: Request, _ context: GatewayContext
  ) async throws -> Response {
    .json(ServiceAnswer.template(try type(context)))
  }

  @Sendable private func validate(
    _ request: Request, _ context: GatewayContext
  ) async throws -> Response {
    let object = try await request.jsonObject()
    let id = try await gateway.callers.miner(request, body: object)
    let type = try type(context)
    let body = try ServiceRequest(validating: object, of: type)
    guard let miner = try await gateway.miners.record(id) else { throw Self.unknownMiner }
    let validation = ServiceValidation(
      body.subject, of: type, on: Hardware(miner.record.profile))
    return .json(ServiceAnswer.validation(type.name, validation))
  }

  @Sendable private func show(
    _ request: Request, _ context: GatewayContext
  ) async throws -> Response {
    let id = try await gateway.callers.miner(request)
    let type = try type(context)
    return answer(type, try await gateway.services.find(id, type: type.name))
  }

  @Sendable private func put(
    _ request: Request, _ context: GatewayContext
  ) async throws -> Response {
    let object = try await request.jsonObject()
    let id = try await gateway.callers.miner(request, body: object)
    let type = try type(context)
    let configuration = try ServiceRequest(object, of: type).configuration(of: type)
    return try await write(id, type, request, mustExist: false) { $0 = configuration }
  }

  @Sendable private func patch(
    _ request: Request, _ context: GatewayContext
  ) async throws -> Response {
    let object = try await request.jsonObject()
    let id = try await gateway.callers.miner(request, body: object)
    let type = try type(context)
    return try await write(id, type, request, mustExist: true) { held in
      held = try ServiceRequest(patching: held, with: object, of: type).configuration(of: type)
    }
  }

  @Sendable private func remove(
    _ request: Request, _ context: GatewayContext
  ) async throws -> Response {
    let id = try await gateway.callers.miner(
      request, body: try await request.optionalJSONObject())
    let type = try type(context)
    let condition = Self.condition(of: request)
    let changed = try await mapped(type) {
      try await gateway.services.delete(
        id, type: type.name, now: .now, condition: condition,
        encode: { ChangeCodec.encode([.record($0)]) })
    }
    await announce(changed.change)
    return .json(ServiceAnswer.deleted(type.name))
  }

  private func write(
    _ id: MinerID, _ type: ServiceType, _ request: Request, mustExist: Bool,
    _ edit: @escaping PostgresServiceStore.Edit
  ) async throws -> Response {
    let condition = Self.condition(of: request)
    let changed = try await mapped(type) {
      try await gateway.services.write(
        id, type: type.name, mustExist: mustExist, now: .now, condition: condition, edit: edit,
        encode: { ChangeCodec.encode([.record($0)]) })
    }
    await announce(changed.change)
    return answer(type, changed.service)
  }

  /// To the scorers; matches after this answer see it.
  private func announce(_ change: StoredChange) async {
    gateway.acknowledged.note(
      await gateway.writer.append([.record(change.record)], outboxIDs: [change.outboxID]))
  }

  private func answer(_ type: ServiceType, _ service: StoredService?) -> Response {
    var response = Response.json(ServiceAnswer.one(type.name, service))
    response.headers[.eTag] = ServiceTag.text(service?.version)
    return response
  }

  private func mapped(
    _ type: ServiceType, _ change: () async throws -> StoredServiceChange
  ) async throws -> StoredServiceChange {
    do {
      return try await change()
    } catch ServiceChangeError.unknownMiner {
      throw Self.unknownMiner
    } catch ServiceChangeError.neverSet {
      throw Problem(.serviceNeverSet, "\(type.name) was never set")
    } catch ServiceChangeError.stale {
      throw Problem(
        .preconditionFailed, "\(type.name) has changed since it was read; read it again")
    }
  }

  /// - Throws: `Problem` 400 when the hub knows no such type.
  private func type(_ context: GatewayContext) throws(Problem) -> ServiceType {
    let name = context.parameters.get("type").flatMap(\.removingPercentEncoding)
    guard let type = name.flatMap(gateway.catalogue.type) else {
      let known = gateway.catalogue.types.map(\.name).joined(separator: ", ")
      throw Problem(.unknownService, "this hub knows the services \(known)")
    }
    return type
  }

  private static func condition(of request: Request) -> PostgresServiceStore.Condition {
    let header = request.headers[.ifMatch]
    return { ServiceTag.fits(header, $0) }
  }

  private static let unknownMiner = Problem(.unknownMiner, "this miner is not registered")
}
