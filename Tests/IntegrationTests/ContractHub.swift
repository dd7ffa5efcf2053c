import JSON
import Simulation
import TestSupport
import Testing

extension RunningProcesses {
  /// What the hub promises its callers, asked of running processes over real HTTP. All these tests
  /// share one hub, so each keeps to miners and a region of its own.
  @Suite("The contract", .hub(gateways: 2, scorers: 2)) enum Contract {}
}

/// One test's part of a shared hub: miners that bear its name, in a region of that name.
struct Corner: Sendable {
  let name: String
  let client: HubClient

  /// - Parameter name: lower-case, as regions are.
  init(_ name: String, gateway: Int = 0) throws {
    self.name = name
    var client = try suiteHub().client(gateway: gateway)
    client.onAnswer = { method, path, status in
      if let fault = ContractDescription.project.fault(method, path, status: status) {
        Issue.record("openapi.yaml: \(fault)")
      }
    }
    self.client = client
  }

  /// The same corner seen from another gateway.
  func at(gateway: Int) throws -> Corner { try Corner(name, gateway: gateway) }

  func id(_ miner: String) -> String { "\(name)-\(miner)" }
  func apiKey(_ miner: String) -> String { "key-of-\(id(miner))-0123456789" }

  /// Asks for a registration in this region.
  ///
  /// - Parameter fields: more members of the body, as JSON; they count over the usual ones.
  func tryRegister(_ miner: String, _ fields: String = "") async throws -> HubAnswer {
    let body = Self.object(
      #""miner_id": "\#(id(miner))", "api_key": "\#(apiKey(miner))", "region": "\#(name)""#,
      fields)
    return try await client.request("POST", "/v1/miners/register", text: body)
  }

  @discardableResult
  func register(_ miner: String, _ fields: String = "") async throws -> LiveMiner {
    let answer = try await tryRegister(miner, fields)
    guard answer.isSuccess, let token = answer.json?["session_token"]?.string else {
      throw LiveMiner.Refused(answer: answer)
    }
    return LiveMiner(id: id(miner), apiKey: apiKey(miner), token: token, client: client)
  }

  /// Matches in this region, for as many as there may be, with the counts.
  ///
  /// - Parameters:
  ///   - requirements, hints: members of those objects, as JSON.
  ///   - rest: more members of the body; they count over the usual ones.
  func match(
    _ requirements: String = "", hints: String = "", _ rest: String = ""
  ) async throws -> HubAnswer {
    let hints = Self.object(#""region": "\#(name)", "deadline_ms": 10000"#, hints)
    return try await match(
      body: Self.object(
        #""job_id": "job-of-\#(name)", "top_k": 50, "explain": "full""#,
        #""requirements": {\#(requirements)}, "hints": \#(hints)"#, rest))
  }

  /// Matches with this body, by the way in that the test is about.
  func match(body: String) async throws -> HubAnswer {
    try await client.request(
      "POST", WayIn.current.path(of: "/v1/match"), bearer: client.coordinatorSecret, text: body)
  }

  /// The miners that a match finds, best first, without the corner's name.
  func found(
    _ requirements: String = "", hints: String = "", _ rest: String = ""
  ) async throws -> [String] {
    names(in: try await match(requirements, hints: hints, rest))
  }

  func names(in answer: HubAnswer) -> [String] {
    answer.candidates.compactMap { $0["miner_id"]?.string }.map(shortName)
  }

  private func shortName(_ id: String) -> String {
    id.hasPrefix(name + "-") ? String(id.dropFirst(name.utf8.count + 1)) : id
  }

  /// Says how a job went.
  ///
  /// - Parameter rest: more members of the body.
  func feedback(
    _ miner: String, job: String, _ outcome: String, _ rest: String = "", key: String? = nil,
    bearer: String? = nil
  ) async throws -> HubAnswer {
    let body = Self.object(
      #""job_id": "\#(job)", "miner_id": "\#(id(miner))", "outcome": "\#(outcome)""#, rest)
    return try await client.request(
      "POST", WayIn.current.path(of: "/v1/feedback"), bearer: bearer ?? client.coordinatorSecret,
      headers: key.map { [("Idempotency-Key", $0)] } ?? [], text: body)
  }

  func setPrice(of miner: String, _ fields: String) async throws -> HubAnswer {
    try await client.setPriceOverride(of: id(miner), Array("{\(fields)}".utf8))
  }

  /// The operator's listing of this corner's miners.
  func listed(_ parameters: [(String, String)] = []) async throws -> HubAnswer {
    try await client.miners([("q", name + "-")] + parameters)
  }

  /// An object of these members; empty parts are left out.
  static func object(_ parts: String...) -> String { "{" + joined(parts) + "}" }

  /// Members of an object; empty parts are left out.
  static func members(_ parts: String...) -> String { joined(parts) }

  private static func joined(_ parts: [String]) -> String {
    parts.filter { !$0.isEmpty }.joined(separator: ", ")
  }
}

extension JSONValue {
  /// A candidate as any answer to the same request shows it: its offer says when it was made.
  var withoutOffer: JSONValue {
    guard let members = object?.members else { return self }
    return .object(JSONObject(members.filter { $0.name != "offer" }))
  }
}

extension LiveMiner {
  /// What the hub holds of it.
  func status() async throws -> JSONValue {
    let answer = try await client.status(token: token)
    guard answer.status == 200, let json = answer.json else { throw Refused(answer: answer) }
    return json
  }

  func update(_ fields: String) async throws -> HubAnswer {
    try await client.update(Array("{\(fields)}".utf8), token: token)
  }

  func beat(_ fields: String) async throws -> HubAnswer {
    try await client.heartbeat(Array("{\(fields)}".utf8), token: token)
  }
}

extension HubAnswer {
  var bestCandidate: JSONValue? { candidates.first }

  /// How many miners a match turned down for this reason.
  func rejected(_ reason: String) -> Int { json?["rejected"]?[reason]?.int ?? 0 }

  /// The names of `errors`, each with its code.
  var fieldErrors: [String: String] {
    let errors = json?["errors"]?.array ?? []
    return Dictionary(
      errors.map { ($0["field"]?.string ?? "?", $0["code"]?.string ?? "?") },
      uniquingKeysWith: { first, _ in first })
  }

  /// Checks that it refuses just this field, for this.
  func expectBadField(
    _ field: String, _ code: String, sourceLocation: SourceLocation = #_sourceLocation
  ) {
    expectProblem(422, "invalid_fields", sourceLocation: sourceLocation)
    #expect(fieldErrors == [field: code], "\(text)", sourceLocation: sourceLocation)
    for error in json?["errors"]?.array ?? [] {
      #expect(error["detail"]?.string?.isEmpty == false, sourceLocation: sourceLocation)
    }
  }

  func expectOK(sourceLocation: SourceLocation = #_sourceLocation) {
    #expect(status == 200, "\(text)", sourceLocation: sourceLocation)
    #expect(header("Content-Type") == "application/json", sourceLocation: sourceLocation)
  }
}

/// Whether two numbers are the same but for rounding.
func isClose(_ left: Double?, _ right: Double?, within tolerance: Double = 1e-9) -> Bool {
  guard let left, let right else { return left == nil && right == nil }
  return abs(left - right) <= tolerance
}
