import Domain
import GatewayAPI
import GatewayPolicy
import ScorerClient

/// What becomes of a match once a scorer has answered, or hasn't: the same for both ways in.
struct Matching: Sendable {
  let gateway: Gateway

  /// Counts the outcome, writes the body of the answer, and leaves it to the history.
  ///
  /// - Throws: the problem to answer with when no scorer answered.
  func answer(
    _ outcome: Result<MatchReply, DispatchError>, to query: MatchQuery, of coordinator: String,
    since started: ContinuousClock.Instant
  ) throws(Problem) -> [UInt8] {
    switch outcome {
    case .success(let reply):
      gateway.metrics.matched(reply.answer, after: .now - started)
      let matchID = RequestID.next()
      let now = Timestamp.now
      let offers = reply.answer.candidates.map { candidate in
        gateway.offers.make(
          OfferTerms(
            coordinator: coordinator, jobID: query.jobID, minerID: candidate.minerID,
            price: candidate.price, madeAt: now))
      }
      let body = MatchResponse(
        jobID: query.jobID, matchID: matchID, answer: reply.answer, offers: offers
      ).body()
      gateway.history.note(
        coordinator: coordinator, matchID: matchID, query: query, body: body, at: now)
      return body
    case .failure(let error):
      gateway.metrics.matchFailed()
      throw Problem(error)
    }
  }
}

extension Problem {
  init(_ error: DispatchError) {
    self =
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
