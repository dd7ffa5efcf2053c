import JSON
import Simulation

/// The hub's paths, each with who may use it: the rows of the authorisation matrix. A path that
/// openapi.yaml has and no row here fails `AuthorisationMatrixTests`.
struct ContractPath: Sendable, CustomStringConvertible {
  enum Reach: String, CaseIterable { case anyone, miner, coordinator, operators, noUpgrade }

  let method: String
  let path: String
  let reach: Reach
  /// A good body, with MINER for the name of the miner that calls.
  var body: String?
  /// What a caller with the right gets, where it isn't 200.
  var good: Int?
  var bodyLimit = 65_536

  var description: String { "\(method) \(path)" }

  static let all: [ContractPath] = [
    ContractPath(method: "GET", path: "/v1/health", reach: .anyone),
    ContractPath(method: "GET", path: "/health", reach: .anyone),
    ContractPath(method: "GET", path: "/v1/live", reach: .anyone),
    ContractPath(method: "GET", path: "/v1/metrics", reach: .anyone),
    ContractPath(method: "GET", path: "/metrics", reach: .anyone),
    ContractPath(
      method: "POST", path: "/v1/miners/register", reach: .anyone,
      body: #"{"miner_id": "MINER", "api_key": "key-of-MINER-0123456789"}"#),
    ContractPath(method: "POST", path: "/v1/miners/update", reach: .miner, body: "{}"),
    ContractPath(
      method: "POST", path: "/v1/miners/heartbeat", reach: .miner, body: #"{"queue_len": 0}"#),
    ContractPath(method: "GET", path: "/v1/miners/heartbeat", reach: .noUpgrade),
    ContractPath(method: "GET", path: "/v1/miners/lease/renew", reach: .miner),
    ContractPath(method: "POST", path: "/v1/miners/lease/renew", reach: .miner, body: "{}"),
    ContractPath(method: "GET", path: "/v1/miners/status", reach: .miner),
    ContractPath(method: "POST", path: "/v1/miners/logout", reach: .miner, body: "{}"),
    ContractPath(method: "GET", path: "/v1/services", reach: .miner),
    ContractPath(method: "GET", path: "/v1/services/templates/whisper", reach: .anyone),
    ContractPath(
      method: "POST", path: "/v1/services/validate/whisper", reach: .miner, body: "{}"),
    ContractPath(method: "POST", path: "/v1/services/whisper", reach: .miner, body: "{}"),
    ContractPath(method: "GET", path: "/v1/services/whisper", reach: .miner),
    ContractPath(
      method: "POST", path: "/v1/match", reach: .coordinator, body: #"{"job_id": "j"}"#),
    ContractPath(
      method: "POST", path: "/v1/match/batch", reach: .coordinator,
      body: #"{"requests": [{"job_id": "j"}]}"#, bodyLimit: 1_048_576),
    ContractPath(
      method: "POST", path: "/v1/feedback", reach: .coordinator,
      body: #"{"job_id": "j", "miner_id": "MINER", "outcome": "accepted"}"#),
    ContractPath(method: "GET", path: "/v1/miners", reach: .operators),
    ContractPath(
      method: "PUT", path: "/v1/miners/MINER/price-override", reach: .operators,
      body: #"{"price": 1, "reason": "r"}"#),
    ContractPath(
      method: "DELETE", path: "/v1/miners/MINER/price-override", reach: .operators),
    ContractPath(method: "GET", path: "/v1/keys", reach: .operators),
    ContractPath(
      method: "POST", path: "/v1/keys", reach: .operators, body: #"{"kind": "miner"}"#),
    ContractPath(method: "GET", path: "/v1/audit", reach: .operators),
  ]

  /// Those that the tests of conventions, with their usual answers, have no use for: pages, what is
  /// there only after something else, what takes the place of a path with a parameter.
  static let further: [ContractPath] = [
    ContractPath(method: "GET", path: "/", reach: .anyone),
    ContractPath(method: "GET", path: "/services", reach: .anyone),
    ContractPath(method: "GET", path: "/docs", reach: .anyone),
    ContractPath(method: "GET", path: "/openapi.yaml", reach: .anyone),
    ContractPath(method: "GET", path: "/pages/page.css", reach: .anyone),
    ContractPath(method: "GET", path: "/v1/services/templates", reach: .anyone),
    ContractPath(
      method: "PATCH", path: "/v1/services/ffmpeg", reach: .miner, body: "{}", good: 404),
    ContractPath(method: "DELETE", path: "/v1/services/ffmpeg", reach: .miner, good: 404),
    ContractPath(method: "GET", path: "/v1/matches/never-asked", reach: .coordinator, good: 404),
    ContractPath(
      method: "POST", path: "/v1/keys/1000000/rotate", reach: .operators, body: "{}", good: 404),
    ContractPath(method: "DELETE", path: "/v1/keys/1000000", reach: .operators, good: 404),
    ContractPath(method: "GET", path: "/v1/pool", reach: .anyone),
    // GET never ends; what it says to HEAD is decided by the same lines.
    ContractPath(method: "HEAD", path: "/v1/pool/events", reach: .anyone),
    ContractPath(method: "GET", path: "/v1/pool/miners/MINER", reach: .operators),
    ContractPath(
      method: "POST", path: "/v1/pool/match", reach: .operators, body: #"{"job_id": "j"}"#),
  ]

  /// What each path takes, as `Allow` says.
  static var methodsByPath: [String: Set<String>] {
    // These are good only where something is set.
    var methods: [String: Set<String>] = [
      "/v1/services/whisper": ["PATCH", "DELETE"], "/v1/matches/j": ["GET", "HEAD"],
    ]
    for entry in all {
      methods[entry.path, default: []].insert(entry.method)
      let changes = entry.path.hasSuffix("/lease/renew")
      if entry.method == "GET" && !changes { methods[entry.path]?.insert("HEAD") }
    }
    return methods
  }

  /// Sends the request.
  ///
  /// - Parameters:
  ///   - suffix: goes behind the path.
  func ask(
    _ client: HubClient, miner: String, bearer: String? = nil, headers: [(String, String)] = [],
    suffix: String = ""
  ) async throws -> HubAnswer {
    try await client.request(
      method, path.replacing("MINER", with: miner) + suffix, bearer: bearer, headers: headers,
      body: body.map { Array($0.replacing("MINER", with: miner).utf8) })
  }

  /// The secret that this path wants.
  func bearer(_ client: HubClient, _ miner: LiveMiner) -> String? {
    switch reach {
    case .anyone, .noUpgrade: nil
    case .miner: miner.token
    case .coordinator: client.coordinatorSecret
    case .operators: client.adminSecret
    }
  }
}
