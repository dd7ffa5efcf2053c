import Domain
import Foundation
import GatewayAPI
import GatewayHistory
import Hummingbird

/// What coordinators look up of matches that were answered before.
struct HistoryRoutes {
  /// Matches of one job in an answer.
  private static let limit = 20

  let gateway: Gateway

  func add(to routes: inout RouteList) {
    routes.audience = .coordinators
    routes.get("/v1/matches/{job_id}", show)
  }

  @Sendable private func show(
    _ request: Request, _ context: GatewayContext
  ) async throws -> Response {
    let coordinator = try gateway.callers.coordinator(request)
    guard gateway.history.isKept else {
      throw Problem(.unknownJob, "this hub keeps no history of matches")
    }
    guard let jobID = context.parameters.get("job_id").flatMap(\.removingPercentEncoding),
      (1...Limits.jobIDBytes).contains(jobID.utf8.count), !jobID.utf8.contains(0)
    else { throw Self.unknownJob }
    let matches = try await gateway.history.matches(
      of: jobID, for: coordinator, limit: Self.limit)
    guard let body = try MatchHistoryJSON.answer(matches) else { throw Self.unknownJob }
    return .json(body)
  }

  private static let unknownJob = Problem(
    .unknownJob, "no match of yours for this job is in the history")
}
