import Domain
import GatewayAPI
import HTTPTypes
import Hummingbird
import Messaging
import ScorerClient

/// What coordinators do: ask for miners, and say how the work went.
struct MatchRoutes {
  let gateway: Gateway
  private let matching: Matching
  private let reporting: Reporting
  private let batchRoom = BatchRoom()

  init(gateway: Gateway) {
    self.gateway = gateway
    reporting = Reporting(gateway: gateway)
    matching = Matching(gateway: gateway)
  }

  func add(to routes: inout RouteList) {
    routes.audience = .coordinators
    routes.post("/v1/match", match)
    routes.post("/v1/match/batch", matchBatch)
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
    let outcome: Result<WrittenAnswer, DispatchError>
    do {
      outcome = .success(
        try await gateway.scorers.match(
          body.query, deadlineMilliseconds: body.deadlineMilliseconds,
          after: gateway.acknowledged.upTo
        ).answer)
    } catch {
      outcome = .failure(error)
    }
    return Response.json(
      try matching.answer(outcome, to: body.query, of: coordinator, since: started)
    ).telling(left)
  }

  @Sendable private func matchBatch(
    _ request: Request, _: GatewayContext
  ) async throws -> Response {
    let started = ContinuousClock.now
    let (coordinator, batch): (String, MatchBatch)
    let left: RateLimitFields?
    let place: BatchRoom.Place
    do {
      coordinator = try gateway.callers.coordinator(request)
      // Whoever may not even ask for one shan't have a large body read.
      try gateway.limits.check(.match, of: coordinator)
      guard let free = batchRoom.takePlace() else {
        gateway.metrics.limitHit("batches")
        throw Problem(
          .overloaded, "too many batches are being answered", retryAfterSeconds: 1)
      }
      place = free
      (batch, left) = try await read(request, of: coordinator)
    } catch {
      gateway.metrics.matchRefused()
      throw error
    }
    defer { withExtendedLifetime(place) {} }
    let outcome = await ask(batch)
    let response = try matching.answer(outcome, to: batch, of: coordinator, since: started)
    return Response.json(byteCount: response.byteCountAtMost, response.write).telling(left)
  }

  /// Each entry counts against its coordinator, and what is no batch counts as one.
  private func read(
    _ request: Request, of coordinator: String
  ) async throws -> (MatchBatch, RateLimitFields?) {
    let body = try await request.jsonBytes(limit: Limits.batchBodyBytes)
    let batch = Result { () throws(Problem) in try body.matchBatch() }
    let count = (try? batch.get())?.deadlines.count ?? 1
    let left = try gateway.limits.spend(.match, by: coordinator, count: count)
    return (try batch.get(), left)
  }

  /// Nobody is asked where no entry is good.
  private func ask(_ batch: MatchBatch) async -> Result<BatchReply?, DispatchError> {
    if batch.queries.isEmpty { return .success(nil) }
    do {
      return .success(
        try await gateway.scorers.match(
          batch: batch.queries, deadlineMilliseconds: batch.deadlineMilliseconds,
          after: gateway.acknowledged.upTo))
    } catch {
      return .failure(error)
    }
  }

  @Sendable private func feedback(_ request: Request, _: GatewayContext) async throws -> Response {
    let started = ContinuousClock.now
    let coordinator = try gateway.callers.coordinator(request)
    let left = try gateway.limits.spend(.feedback, by: coordinator)
    let report = try reporting.read(
      await request.jsonBytes(), of: coordinator,
      idempotencyKey: request.headers[.idempotencyKey])
    let outcome: Result<FeedbackReply, DispatchError>
    do {
      outcome = .success(
        try await gateway.scorers.feedback(
          report, deadlineMilliseconds: Reporting.deadlineMilliseconds))
    } catch {
      outcome = .failure(error)
    }
    return Response.json(
      try reporting.answer(outcome, to: report, since: started)
    ).telling(left)
  }
}
