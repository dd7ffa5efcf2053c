import Domain
import GatewayAPI
import HTTPTypes
import Hummingbird
import Messaging
import ScorerClient

/// What coordinators do: ask for miners, and say how the work went.
struct MatchRoutes {
  /// Feedback waits for a commit, so it gets longer than a match.
  private static let feedbackDeadlineMilliseconds = 10_000

  let gateway: Gateway
  private let matching: Matching
  private let offers: OfferCheck

  init(gateway: Gateway) {
    self.gateway = gateway
    offers = OfferCheck(
      offers: gateway.offers, isRequired: gateway.settings.offers == .required)
    matching = Matching(gateway: gateway)
  }

  func add(to routes: inout RouteList) {
    routes.audience = .coordinators
    routes.post("/v1/match", match)
    routes.post("/v1/feedback", feedback)
  }

  @Sendable private func match(_ request: Request, _: GatewayContext) async throws -> Response {
    let started = ContinuousClock.now
    let (coordinator, body): (String, MatchRequest)
    let left: RateLimitFields?
    do {
      coordinator = try gateway.callers.coordinator(request)
      left = try gateway.limits.spend(.match, by: coordinator)
      body = try await request.jsonBytes().matchRequest()
    } catch {
      gateway.metrics.matchRefused()
      throw error
    }
    let outcome: Result<MatchReply, DispatchError>
    do {
      outcome = .success(
        try await gateway.scorers.match(
          body.query, deadlineMilliseconds: body.deadlineMilliseconds,
          after: gateway.acknowledged.upTo))
    } catch {
      outcome = .failure(error)
    }
    return Response.json(
      try matching.answer(outcome, to: body.query, of: coordinator, since: started)
    ).telling(left)
  }

  @Sendable private func feedback(_ request: Request, _: GatewayContext) async throws -> Response {
    let started = ContinuousClock.now
    let coordinator = try gateway.callers.coordinator(request)
    let left = try gateway.limits.spend(.feedback, by: coordinator)
    let body = try FeedbackRequest(
      await request.jsonObject(), coordinator: coordinator,
      idempotencyKey: request.headers[.idempotencyKey])
    let report = try offers.prove(body, at: .now)
    let reply: FeedbackReply
    do {
      reply = try await gateway.scorers.feedback(
        report, deadlineMilliseconds: Self.feedbackDeadlineMilliseconds)
    } catch {
      throw Problem(error)
    }
    gateway.acknowledged.note(reply.written)
    gateway.metrics.fedBack(
      report, duplicate: reply.receipt.isDuplicate, after: .now - started)
    return Response.json(MinerAnswer.feedback(reply.receipt)).telling(left)
  }
}
