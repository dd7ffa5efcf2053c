import Domain
import GatewayAPI
import GatewayPolicy
import HTTPTypes
import Hummingbird
import JSON
import Messaging

/// Who is calling, from what the request presents. One place decides it for every route.
struct Callers: Sendable {
  private enum Caller {
    case coordinator(String)
    case administrator
    case miner(Session)
    case revokedMiner
    case expiredMiner
    case unknown(String)
    case nobody
  }

  let coordinators: CoordinatorTable
  private let secrets: GatewaySecrets
  private let revocations: Revocations
  private let apiKeys: APIKeyCache

  init(
    coordinators: CoordinatorTable, secrets: GatewaySecrets, revocations: Revocations,
    apiKeys: APIKeyCache
  ) {
    self.coordinators = coordinators
    self.secrets = secrets
    self.revocations = revocations
    self.apiKeys = apiKeys
  }

  /// - Returns: the coordinator's name.
  /// - Throws: `Problem` 401 for nobody, 403 for another kind of caller.
  func coordinator(_ request: Request) throws(Problem) -> String {
    try coordinator(
      key: request.headers[.poolHubKey], authorization: request.headers[.authorization])
  }

  /// The same by the two header fields alone.
  func coordinator(key: String?, authorization: String?) throws(Problem) -> String {
    if let key, let name = coordinators.name(presenting: key) {
      try CertifiedNames.check(coordinator: name)
      return name
    }
    switch identify(authorization.flatMap(Self.bearer)) {
    case .coordinator(let name):
      try CertifiedNames.check(coordinator: name)
      return name
    case .administrator, .miner: throw Problem(.forbidden, "only coordinators may do this")
    case .unknown(let token):
      try Self.refuseMistyped(token)
      throw Self.refuse(.unknown, Self.coordinatorNeeded)
    case .revokedMiner: throw Self.refuse(.revoked, Self.coordinatorNeeded)
    case .expiredMiner: throw Self.refuse(.expired, Self.coordinatorNeeded)
    case .nobody: throw Problem(.unauthorized, Self.coordinatorNeeded)
    }
  }

  /// - Throws: `Problem` 401 for nobody, 403 for another kind of caller.
  func administrator(_ request: Request) throws(Problem) {
    switch identify(Self.bearer(request.headers)) {
    case .administrator: try CertifiedNames.checkOperator()
    case .coordinator, .miner: throw Problem(.forbidden, "only operators may do this")
    case .revokedMiner: throw Self.refuse(.revoked, Self.operatorNeeded)
    case .expiredMiner: throw Self.refuse(.expired, Self.operatorNeeded)
    case .unknown: throw Self.refuse(.unknown, Self.operatorNeeded)
    case .nobody: throw Problem(.unauthorized, Self.operatorNeeded)
    }
  }

  /// - Parameter body: may hold `session_token` where the header holds nothing.
  /// - Throws: `Problem` 401 or 403, or the store's error when an API key cannot be looked up.
  func miner(_ request: Request, body: JSONObject? = nil) async throws -> MinerID {
    let token = Self.bearer(request.headers) ?? body?["session_token"]?.string
    return try await miner(presenting: token).minerID
  }

  /// A miner by a good session token; nil where there is more to find out, or nothing good.
  func knownMiner(presenting token: String?) -> Session? {
    guard case .miner(let session) = identify(token),
      (try? CertifiedNames.check(miner: session.minerID)) != nil
    else { return nil }
    return session
  }

  /// A miner by its session token or API key. With a key the session begins now.
  func miner(presenting token: String?) async throws -> Session {
    switch identify(token) {
    case .miner(let session):
      try CertifiedNames.check(miner: session.minerID)
      return session
    case .coordinator, .administrator: throw Problem(.forbidden, "only miners may do this")
    case .revokedMiner: throw Self.refuse(.revoked, "this session token was revoked")
    case .expiredMiner: throw Self.refuse(.expired, "this session token has expired")
    case .nobody: throw Problem(.unauthorized, "a session token or an API key is needed")
    case .unknown(let token):
      try Self.refuseMistyped(token)
      guard Limits.apiKeyBytes.contains(token.utf8.count),
        let id = try await apiKeys.minerID(forKey: token)
      else {
        throw Self.refuse(.unknown, "neither a session token nor an API key of ours")
      }
      try CertifiedNames.check(miner: id)
      return Session(minerID: id, issuedAt: .now, expiresAt: .now)
    }
  }

  private static let coordinatorNeeded = "a coordinator's secret is needed"
  private static let operatorNeeded = "the operator's secret is needed"

  private static func refuse(_ proof: RefusedProof, _ detail: String) -> Problem {
    var problem = Problem(.unauthorized, detail)
    problem.presented = proof
    return problem
  }

  /// What looks like a key of ours and isn't quite one needs no look-up.
  private static func refuseMistyped(_ token: String) throws(Problem) {
    if IssuedKey.look(of: token) == .mistyped {
      throw refuse(.mistyped, "this key is mistyped: its checksum is wrong")
    }
  }

  private func identify(_ token: String?) -> Caller {
    guard let token, !token.isEmpty else { return .nobody }
    if token.hasPrefix(SessionTokens.prefix) {
      do {
        let session = try secrets.tokens.verify(token, at: .now)
        return revocations.isRevoked(session) ? .revokedMiner : .miner(session)
      } catch {
        return error == .expired ? .expiredMiner : .unknown(token)
      }
    }
    if let name = coordinators.name(presenting: token) { return .coordinator(name) }
    if secrets.administrator.name(presenting: token) != nil { return .administrator }
    return .unknown(token)
  }

  private static func bearer(_ headers: HTTPFields) -> String? {
    headers[.authorization].flatMap(bearer)
  }

  /// The token of an `Authorization` header's value; nil when it is of another scheme.
  static func bearer(_ authorization: String) -> String? {
    // As nearly all write it.
    if authorization.hasPrefix("Bearer "), !authorization.hasPrefix("Bearer  ") {
      return String(decoding: authorization.utf8.dropFirst(7), as: UTF8.self)
    }
    let parts = authorization.split(separator: " ", maxSplits: 1)
    guard parts.count == 2, parts[0].lowercased() == "bearer" else { return nil }
    return String(parts[1])
  }
}
