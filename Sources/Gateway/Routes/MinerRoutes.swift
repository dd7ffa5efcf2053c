import Changes
import Domain
import GatewayAPI
import GatewayPolicy
import HTTPTypes
import Hummingbird
import JSON
import Messaging
import Postgres
import Wire

/// What miners do over plain HTTP: register, update, heartbeat, renew, look, leave.
struct MinerRoutes {
  let gateway: Gateway

  func add(to routes: inout RouteList) {
    routes.audience = .anyone
    routes.post("/v1/miners/register", register)
    routes.post("/v1/miners/update", update)
    routes.post("/v1/miners/heartbeat", heartbeat)
    routes.get("/v1/miners/heartbeat", heartbeatWithoutUpgrade)
    routes.getWithEffect("/v1/miners/lease/renew", renew)
    routes.post("/v1/miners/lease/renew", renew)
    routes.get("/v1/miners/status", status)
    routes.post("/v1/miners/logout", logout)
  }

  @Sendable private func register(
    _ request: Request, _ context: GatewayContext
  ) async throws -> Response {
    let left = try gateway.limits.spend(
      .registerAddress, by: context.client.subscriber.description)
    let body = try RegisterRequest(await request.jsonObject())
    try CertifiedNames.check(miner: body.minerID)
    // Counted once the key has proved right: others' attempts take nothing from a miner.
    try gateway.limits.check(.registerMiner, of: body.minerID.text)
    let now = Timestamp.now
    // Before the key is looked at: a revocation of it that comes in between voids the token.
    let token = token(for: body.minerID, at: now)
    let registration = try await store(body, at: now)
    try gateway.limits.spend(.registerMiner, by: body.minerID.text)
    let pacing = gateway.health.pacing
    let alive = StatusPatch(at: now, leaseMilliseconds: pacing.leaseMilliseconds)
    gateway.acknowledged.note(
      await gateway.writer.append(
        [.record(registration.record)], outboxIDs: [registration.outboxID],
        statuses: [(body.minerID, alive)]))
    gateway.metrics.registered(created: registration.created)
    return Response.json(
      MinerAnswer.registered(
        id: body.minerID, created: registration.created, token: token,
        sessionSeconds: gateway.settings.sessionSeconds, leaseSeconds: pacing.leaseSeconds,
        nextSeconds: pacing.toldSeconds(unit: .random(in: 0..<1)))
    ).telling(left)
  }

  private func store(_ body: RegisterRequest, at now: Timestamp) async throws -> Registration {
    let hash = SecretTable.digest(body.apiKey)
    if gateway.settings.registration == .keyed,
      try await !gateway.keys.store.isLive(hash)
    {
      throw Problem(.keyNotIssued, "this hub only takes API keys that its operator issued")
    }
    do {
      return try await gateway.miners.register(
        id: body.minerID, keyHash: hash, now: now, update: { body.profile.apply(to: &$0) },
        encode: { ChangeCodec.encode([.record($0)]) })
    } catch RegistrationError.wrongKey {
      throw Problem(.wrongKey, "this miner_id belongs to another API key")
    } catch RegistrationError.keyInUse {
      throw Problem(.keyInUse, "this API key belongs to another miner")
    } catch RegistrationError.keyEnded {
      throw Problem(.keyEnded, "this API key was revoked or has ended")
    }
  }

  @Sendable private func update(_ request: Request, _: GatewayContext) async throws -> Response {
    let object = try await request.jsonObject()
    let id = try await gateway.callers.miner(request, body: object)
    let left = try gateway.limits.spend(.heartbeat, by: id.text)
    let body = try UpdateRequest(object)
    let now = Timestamp.now
    let pacing = gateway.health.pacing
    let patch = body.status.patch(at: now, leaseMilliseconds: pacing.leaseMilliseconds)
    var changes: [Change] = []
    var outboxIDs: [Int64] = []
    if !body.profile.isEmpty {
      let updated = try await gateway.miners.update(
        id, now: now, change: { body.profile.apply(to: &$0) },
        encode: { ChangeCodec.encode([.record($0)]) })
      guard let updated else { throw Self.unknownMiner }
      changes = [.record(updated.record)]
      outboxIDs = [updated.outboxID]
    }
    gateway.acknowledged.note(
      await gateway.writer.append(changes, outboxIDs: outboxIDs, statuses: [(id, patch)]))
    return Response.json(
      MinerAnswer.updated(
        leaseSeconds: pacing.leaseSeconds, nextSeconds: pacing.toldSeconds(unit: .random(in: 0..<1))
      )
    ).telling(left)
  }

  @Sendable private func heartbeat(_ request: Request, _: GatewayContext) async throws -> Response {
    let object = try await request.jsonObject()
    let id = try await gateway.callers.miner(request, body: object)
    let left = try gateway.limits.spend(.heartbeat, by: id.text)
    let heartbeat = try Heartbeat(object)
    gateway.metrics.heartbeats(.http).increment()
    return try await alive(id, heartbeat.status).telling(left)
  }

  /// Where a WebSocket could have been.
  @Sendable private func heartbeatWithoutUpgrade(
    _ request: Request, _: GatewayContext
  ) async throws -> Response {
    throw Problem(.upgradeRequired, "this is a WebSocket; POST heartbeats where there is none")
  }

  @Sendable private func renew(_ request: Request, _: GatewayContext) async throws -> Response {
    let object = request.method == .post ? try await request.optionalJSONObject() : JSONObject()
    let id = try await gateway.callers.miner(request, body: object)
    let left = try gateway.limits.spend(.heartbeat, by: id.text)
    return try await alive(id, StatusReport()).telling(left)
  }

  /// Writes a sign of life and answers once it is in the stream, or queued while Redis is away.
  private func alive(_ id: MinerID, _ report: StatusReport) async throws -> Response {
    let now = Timestamp.now
    let pacing = gateway.health.pacing
    // Before the wait: a revocation that comes meanwhile voids it.
    let token = token(for: id, at: now)
    gateway.acknowledged.note(
      await gateway.writer.noteAndWait(
        id, report.patch(at: now, leaseMilliseconds: pacing.leaseMilliseconds)))
    return .json(
      MinerAnswer.alive(
        id: id, token: token, sessionSeconds: gateway.settings.sessionSeconds,
        leaseSeconds: pacing.leaseSeconds, nextSeconds: pacing.toldSeconds(unit: .random(in: 0..<1))
      ))
  }

  @Sendable private func status(_ request: Request, _: GatewayContext) async throws -> Response {
    let id = try await gateway.callers.miner(request)
    guard let held = try await gateway.miners.record(id) else { throw Self.unknownMiner }
    let live = try await gateway.statuses(of: [id])[id]
    var json = JSONWriter()
    MinerStatus(record: held.record, trust: held.trust, live: live, createdAt: held.createdAt)
      .write(to: &json, at: .now)
    return .json(json.bytes)
  }

  @Sendable private func logout(_ request: Request, _: GatewayContext) async throws -> Response {
    let id = try await gateway.callers.miner(request, body: try await request.optionalJSONObject())
    let now = Timestamp.now
    gateway.revocations.revoke(id, upTo: now)
    gateway.connections.close(id, issuedUpTo: now)
    // With Redis away the other gateways learn it from the change, which waits in the writer.
    try? await gateway.revocationStore.revoke(id, notBefore: now)
    gateway.acknowledged.note(
      await gateway.writer.append(
        [.revoked(id, notBefore: now)],
        statuses: [(id, StatusPatch(at: now, leaseMilliseconds: 0))]))
    return .json(MinerAnswer.loggedOut(id: id))
  }

  /// A token that no earlier revocation covers.
  private func token(for id: MinerID, at now: Timestamp) -> String {
    gateway.tokens.issue(for: id, at: gateway.revocations.firstValid(for: id, at: now))
  }

  private static let unknownMiner = Problem(.unknownMiner, "this miner is not registered")
}
