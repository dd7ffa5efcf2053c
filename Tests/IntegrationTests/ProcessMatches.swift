import Foundation
import JSON
import Simulation
import Synchronization
import Testing

extension HubClient {
  /// Asks for all miners with a capability, and for the counts.
  func match(
    capability: String?, deadlineMilliseconds: Int = 5_000, topK: Int = 50
  ) async throws -> HubAnswer {
    let wanted = capability.map { JSONValue.strings($0) } ?? .array([])
    return try await match(
      JSONWriter.bytes(
        of: .members([
          "job_id": .string("job-\(UInt32.random(in: .min ... .max))"),
          "requirements": .members(["capabilities_any": wanted]),
          "hints": .members(["deadline_ms": .int(deadlineMilliseconds)]),
          "top_k": .int(topK), "explain": .string("full"),
        ])))
  }

  /// The names of all online miners with a capability, sorted; nil when the match failed.
  func online(_ capability: String) async throws -> [String]? {
    let answer = try await match(capability: capability)
    return answer.status == 200
      ? answer.candidates.compactMap { $0["miner_id"]?.string }.sorted() : nil
  }

  func feedback(
    job: String, miner: String, outcome: String = "completed"
  ) async throws -> HubAnswer {
    try await feedback(
      JSONWriter.bytes(
        of: .members([
          "job_id": .string(job), "miner_id": .string(miner), "outcome": .string(outcome),
        ])))
  }
}

extension HubAnswer {
  var candidates: [JSONValue] { json?["candidates"]?.array ?? [] }

  /// The candidate of this name.
  func candidate(_ id: String) -> JSONValue? {
    candidates.first { $0["miner_id"]?.string == id }
  }

  /// A candidate's part of the score for its load, to three places.
  func load(of id: String) -> Double? {
    let load = candidate(id)?["breakdown"]?["load"]?.double
    return load.map { ($0 * 1_000).rounded() / 1_000 }
  }

  /// Checks that it is a problem document of this kind.
  func expectProblem(
    _ status: Int, _ code: String, retries: Bool = false,
    sourceLocation: SourceLocation = #_sourceLocation
  ) {
    #expect(self.status == status, "\(text)", sourceLocation: sourceLocation)
    #expect(
      header("Content-Type") == "application/problem+json", sourceLocation: sourceLocation)
    #expect(json?["status"]?.int == status, "\(text)", sourceLocation: sourceLocation)
    #expect(json?["code"]?.string == code, "\(text)", sourceLocation: sourceLocation)
    #expect(json?["title"]?.string != nil, sourceLocation: sourceLocation)
    #expect(json?["request_id"]?.string != nil, sourceLocation: sourceLocation)
    if retries {
      let seconds = header("Retry-After").flatMap { Int($0) }
      #expect(seconds.map { $0 > 0 } == true, sourceLocation: sourceLocation)
    }
  }
}

/// A number that several tasks count up.
final class Tally: Sendable {
  private let value = Mutex(0)

  var total: Int { value.withLock { $0 } }
  func count() { value.withLock { $0 += 1 } }
}

/// What became of matches that were asked for without a pause.
final class MatchTally: Sendable {
  private let results = Mutex((good: 0, faults: [String]()))

  var good: Int { results.withLock { $0.good } }
  /// One line each, of those that failed or missed a miner.
  var faults: [String] { results.withLock { $0.faults } }

  func note(_ fault: String?) {
    results.withLock { results in
      if let fault { results.faults.append(fault) } else { results.good += 1 }
    }
  }
}

/// Asks for matches without a pause while `body` runs.
///
/// - Parameter expected: the miners that each must find.
func whileMatching(
  _ client: HubClient, capability: String, expecting expected: [String], workers: Int = 3,
  body: () async throws -> Void
) async throws -> MatchTally {
  let tally = MatchTally()
  let names = expected.sorted()
  return try await withThrowingTaskGroup(of: Void.self) { group in
    for _ in 0..<workers {
      group.addTask {
        while !Task.isCancelled {
          let fault = await matchFault(client, capability, names)
          // What was cut off by the end counts for nothing.
          if !Task.isCancelled { tally.note(fault) }
        }
      }
    }
    try await body()
    group.cancelAll()
    return tally
  }
}

/// - Returns: nil when the match found just these miners.
func matchFault(_ client: HubClient, _ capability: String, _ names: [String]) async -> String? {
  do {
    let answer = try await client.match(capability: capability)
    guard answer.status == 200 else { return answer.summary }
    let found = answer.candidates.compactMap { $0["miner_id"]?.string }.sorted()
    return found == names ? nil : "found \(found) \(answer.text)"
  } catch {
    return "\(error)"
  }
}

/// Requests that the gateway has sent to scorers and that have no answer yet.
func inFlight(_ client: HubClient) async throws -> Int {
  let lines = try await client.request("GET", "/v1/metrics").text.split(separator: "\n")
  return lines.filter { $0.hasPrefix("poolhub_scorer_in_flight{") }
    .compactMap { $0.split(separator: " ").last.flatMap { Double($0) } }
    .reduce(0) { $0 + Int($1) }
}
