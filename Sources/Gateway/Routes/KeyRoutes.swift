import Domain
import GatewayAPI
import GatewayPolicy
import HTTPTypes
import Hummingbird
import JSON
import Messaging
import Postgres
import Wire

/// Keys of miners and coordinators, as operators issue, list, rotate and revoke them.
struct KeyRoutes {
  let gateway: Gateway

  func add(to routes: inout RouteList) {
    routes.audience = .operators
    routes.get("/v1/keys", list)
    routes.post("/v1/keys", issue)
    routes.post("/v1/keys/{id}/rotate", rotate)
    routes.delete("/v1/keys/{id}", revoke)
  }

  @Sendable private func list(_ request: Request, _: GatewayContext) async throws -> Response {
    try gateway.callers.administrator(request)
    let query = try KeyListRequest(
      request.uri.queryParameters.map { (String($0.key), String($0.value)) })
    let keys = try await gateway.keys.store.page(
      after: query.after, kind: query.kind, owner: query.owner, live: query.live,
      limit: query.limit)
    let now = Timestamp.now
    var json = JSONWriter()
    json.object { json in
      json.arrayField("keys") { json in
        for key in keys { json.object { key.write(to: &$0, at: now) } }
      }
      json.field("next_cursor", keys.count == query.limit ? keys.last?.id : nil)
    }
    return .json(json.bytes)
  }

  @Sendable private func issue(
    _ request: Request, _ context: GatewayContext
  ) async throws -> Response {
    try gateway.callers.administrator(request)
    return try await gateway.audited(.issueKey, "", context) { entry in
      let now = Timestamp.now
      let body = try IssueKeyRequest(await request.jsonObject(), at: now)
      let secret = Self.newKey(body.kind)
      let elsewhere = body.kind == .coordinator ? configuredCount(of: body.owner ?? "") : 0
      let stored = try await refusing {
        try await gateway.keys.store.issue(
          NewKey(
            hash: SecretTable.digest(secret.text), kind: body.kind, owner: body.owner,
            label: body.label, expiresAt: body.expiresAt), elsewhere: elsewhere, now: now,
          audit: entry)
      }
      return await answer(stored, secret, at: now)
    }
  }

  @Sendable private func rotate(
    _ request: Request, _ context: GatewayContext
  ) async throws -> Response {
    try gateway.callers.administrator(request)
    let id = Self.keyID(context)
    return try await gateway.audited(.rotateKey, id, context) { entry in
      let now = Timestamp.now
      let body = try RotateKeyRequest(await request.optionalJSONObject())
      let known = try await gateway.keys.store.key(id)
      guard let known else { throw Self.unknownKey }
      let secret = Self.newKey(known.kind)
      let stored = try await refusing {
        try await gateway.keys.store.rotate(
          id, to: SecretTable.digest(secret.text),
          overlapMilliseconds: Int64(body.overlapSeconds) * 1_000,
          elsewhere: configuredCount, now: now, audit: entry)
      }
      return await answer(stored, secret, at: now)
    }
  }

  @Sendable private func revoke(
    _ request: Request, _ context: GatewayContext
  ) async throws -> Response {
    try gateway.callers.administrator(request)
    let id = Self.keyID(context)
    return try await gateway.audited(.revokeKey, id, context) { entry in
      let now = Timestamp.now
      let notBefore = KeyDesk.notBefore(now)
      let (key, outboxID) = try await refusing {
        try await gateway.keys.store.revoke(id, now: now, audit: entry) { miner in
          ChangeCodec.encode([.revoked(miner, notBefore: notBefore)])
        }
      }
      if key.revokedAt == now { gateway.metrics.revokedKey(key.kind) }
      if let outboxID, let miner = key.owner.flatMap({ MinerID($0) }) {
        await end(miner, revokedAt: now, outboxID: outboxID)
      }
      if key.kind == .coordinator { try? await gateway.keys.refreshCoordinators() }
      var json = JSONWriter()
      json.object { key.write(to: &$0, at: .now) }
      return .json(json.bytes)
    }
  }

  /// Here at once; elsewhere by the change stream, or when PostgreSQL is next looked at.
  private func end(_ miner: MinerID, revokedAt: Timestamp, outboxID: Int64) async {
    gateway.keys.end(miner, revokedAt: revokedAt)
    gateway.acknowledged.note(
      await gateway.writer.append(
        [.revoked(miner, notBefore: KeyDesk.notBefore(revokedAt))], outboxIDs: [outboxID],
        statuses: [(miner, StatusPatch(at: revokedAt, leaseMilliseconds: 0))]))
  }

  /// The one answer that holds the key itself.
  private func answer(_ stored: StoredKey, _ secret: IssuedKey, at now: Timestamp) async -> Response
  {
    gateway.metrics.issuedKey(stored.kind)
    if stored.kind == .coordinator {
      // Should that fail, the next look at PostgreSQL brings it.
      try? await gateway.keys.refreshCoordinators()
    }
    var json = JSONWriter()
    json.object { json in
      json.field("key", secret.text)
      stored.write(to: &json, at: now)
    }
    var response = Response.json(json.bytes)
    response.headers[.cacheControl] = "no-store"
    return response
  }

  /// A coordinator's secrets in this gateway's settings count, too.
  @Sendable private func configuredCount(of name: String) -> Int {
    gateway.keys.coordinators.configured.count(of: name)
  }

  private func refusing<Result>(_ body: () async throws -> Result) async throws -> Result {
    do {
      return try await body()
    } catch let refusal as KeyRefusal {
      switch refusal {
      case .unknownKey: throw Self.unknownKey
      case .unknownMiner: throw Problem(.unknownMiner, "this miner is not registered")
      case .ended: throw Problem(.keyEnded, "this key was revoked or has ended")
      case .tooMany:
        throw Problem(
          .tooManyKeys, "an owner has at most two live keys, coordinators 100 in all: revoke one")
      }
    }
  }

  private static let unknownKey = Problem(.unknownKey, "there is no key with this id")

  private static func newKey(_ kind: IssuedKey.Kind) -> IssuedKey {
    var random = SystemRandomNumberGenerator()
    return IssuedKey(kind, using: &random)
  }

  private static func keyID(_ context: GatewayContext) -> String {
    // What is no key's id is found nowhere, and is kept short for the log of it.
    let id = context.parameters.get("id") ?? ""
    let isPlain = id.utf8.allSatisfy { byte in
      byte == UInt8(ascii: "-") || Character(Unicode.Scalar(byte)).isHexDigit
    }
    return isPlain && id.utf8.count <= 36 ? id : ""
  }
}

extension StoredKey {
  /// Its members, but for the key itself.
  fileprivate func write(to json: inout JSONWriter, at now: Timestamp) {
    json.field("key_id", id)
    json.field("kind", kind.rawValue)
    json.field("owner", owner)
    json.field("label", label)
    json.field("live", isLive(at: now))
    json.field("created_at", createdAt.rfc3339)
    json.field("expires_at", expiresAt?.rfc3339)
    json.field("revoked_at", revokedAt?.rfc3339)
  }
}
