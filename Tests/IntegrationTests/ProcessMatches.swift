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
    return answer.status == 200 ? answer.candidates.compactMap { $0["miner_id"]?.string }.sorted() : nil
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

/// What became of matches that were asked for without a pause.
struct MatchTally: Sendable {
  var good = 0
  /// One line each, of those that failed or missed a miner.
  var faults: [String] = []
}

/// Asks for matches without a pause while `body` runs.
///
/// - Parameter expected: the miners that each must find.
func whileMatching(
  _ client: HubClient, capability: String, expecting expected: [String], workers: Int = 3,
  body: () async throws -> Void
) async throws -> MatchTally {
  let tally = Mutex(MatchTally())
  let names = expected.sorted()
  return try await withThrowingTaskGroup(of: Void.self) { group in
    for _ in 0..<workers {
      group.addTask {
        while !Task.isCancelled {
          let fault = await matchFault(client, capability, names)
          // What was cut off by the end counts for nothing.
          if Task.isCancelled { return }
          tally.withLock { tally in
            if let fault { tally.faults.append(fault) } else { tally.good += 1 }
          }
        }
      }
    }
    try await body()
    group.cancelAll()
    return tally.withLock { $0 }
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
