import Domain
import GatewayAPI
import GatewayPolicy
import HTTPTypes
import Hummingbird
import Messaging
import ScorerClient

/// What coordinators do: ask for miners, and say how the work went.
struct MatchRoutes {
  /// Feedback waits for a commit, so it gets longer than a match.
  private static let feedbackDeadlineMilliseconds = 10_000

  let gateway: Gateway

  func add(to routes: inout RouteList) {
    routes.post("/v1/match", match)
    routes.post("/v1/feedback", feedback)
  }

  @Sendable private func match(_ request: Request, _: GatewayContext) async throws -> Response {
    let started = ContinuousClock.now
    do {
      let coordinator = try gateway.callers.coordinator(request)
      let body = try MatchRequest(await request.jsonObject())
      let reply = try await gateway.scorers.match(
        body.query, deadlineMilliseconds: body.deadlineMilliseconds,
        after: gateway.acknowledged.upTo)
      gateway.metrics.matched(reply.answer, after: .now - started)
      let matchID = Self.matchID()
      let answer = MatchResponse(jobID: body.query.jobID, matchID: matchID, answer: reply.answer)
        .body()
      gateway.history.note(
        coordinator: coordinator, matchID: matchID, query: body.query, body: answer, at: .now)
      return .json(answer)
    } catch let error as DispatchError {
      gateway.metrics.matchFailed()
      throw Self.problem(for: error)
    } catch {
      gateway.metrics.matchRefused()
      throw error
    }
  }

  @Sendable private func feedback(_ request: Request, _: GatewayContext) async throws -> Response {
    let started = ContinuousClock.now
    let coordinator = try gateway.callers.coordinator(request)
    let body = try FeedbackRequest(
      await request.jsonObject(), coordinator: coordinator,
      idempotencyKey: request.headers[.idempotencyKey])
    let reply: FeedbackReply
    do {
      reply = try await gateway.scorers.feedback(
        body.report, deadlineMilliseconds: Self.feedbackDeadlineMilliseconds)
    } catch {
      throw Self.problem(for: error)
    }
    gateway.acknowledged.note(reply.written)
    gateway.metrics.fedBack(
      body.report.outcome, duplicate: reply.receipt.isDuplicate,
      after: .now - started)
    return .json(MinerAnswer.feedback(reply.receipt))
  }

  private static func matchID() -> String {
    var generator = SystemRandomNumberGenerator()
    return RequestID.make(using: &generator)
  }

  private static func problem(for error: DispatchError) -> Problem {
    switch error {
    case .noScorer: Problem(.noScorer, "no scorer can answer just now", retryAfterSeconds: 1)
    case .deadline: Problem(.deadlinePassed, "no scorer answered in time", retryAfterSeconds: 1)
    case .overloaded: Problem(.overloaded, "too many requests are waiting", retryAfterSeconds: 1)
    case .unknownMiner: Problem(.unknownMiner, "this miner is not registered")
    case .keyReused:
      Problem(.idempotencyKeyReused, "this Idempotency-Key was used with another body")
    case .storeUnavailable:
      Problem(
        .storeUnavailable, "the hub cannot store this just now",
        retryAfterSeconds: StoreProblem.retryAfterSeconds)
    case .faulty: Problem(.internalError, "something went wrong here; it has been logged")
    }
  }
}
