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
    _ outcome: Result<WrittenAnswer, DispatchError>, to query: MatchQuery, of coordinator: String,
    since started: ContinuousClock.Instant
  ) throws(Problem) -> [UInt8] {
    let asked = Asked(coordinator, since: started, gateway.offers)
    let response: MatchResponse
    switch outcome {
    case .success(let answer): response = self.response(answer, to: query.jobID, asked)
    case .failure(let error): throw problem(error)
    }
    let body = response.body()
    note(response, to: query, body: body, asked)
    return body
  }

  /// Puts the answers of all entries of a batch together, each as if it had been asked alone: what its scorer
  /// said, or what is wrong with it, or that it came later than it had to.
  ///
  /// - Parameter outcome: nil in the place of a reply when no entry was good.
  /// - Throws: the problem to answer with when no scorer answered.
  func answer(
    _ outcome: Result<BatchReply?, DispatchError>, to batch: MatchBatch, of coordinator: String,
    since started: ContinuousClock.Instant
  ) throws(Problem) -> MatchBatchResponse {
    let asked = Asked(coordinator, since: started, gateway.offers)
    let answers: [WrittenAnswer]
    switch outcome {
    case .success(let reply): answers = reply?.answers ?? []
    case .failure(let error):
      for _ in batch.queries { gateway.metrics.matchFailed() }
      throw Problem(error)
    }
    // Whoever iterates over an array has a copy of each query; a span lends them.
    let queries = batch.queries.span
    var place = 0
    var results: [Result<MatchResponse, Problem>] = []
    results.reserveCapacity(batch.deadlines.count)
    for deadline in batch.deadlines {
      switch deadline {
      case .success(let milliseconds):
        if asked.waited > .milliseconds(milliseconds) {
          results.append(.failure(problem(.deadline)))
        } else if place >= answers.count {
          // There is one for each good entry: else the reply would not have been taken.
          results.append(.failure(problem(.faulty)))
        } else {
          let response = self.response(answers[place], to: queries[place].jobID, asked)
          // Written once more where it is kept, which few of so many are.
          note(response, to: queries[place], body: response.body(), asked)
          results.append(.success(response))
        }
        place += 1
      case .failure(let problem):
        gateway.metrics.matchRefused()
        results.append(.failure(problem))
      }
    }
    gateway.metrics.batchAnswered()
    return MatchBatchResponse(results)
  }

  /// Counts the answer, and offers its candidates.
  private func response(
    _ answer: WrittenAnswer, to jobID: String, _ asked: Asked
  ) -> MatchResponse {
    gateway.metrics.matched(answer, after: asked.waited)
    return MatchResponse(
      jobID: jobID, matchID: RequestID.next(), answer: answer,
      offers: asked.offers.make(
        for: answer, coordinator: asked.coordinator, jobID: jobID, at: asked.now))
  }

  /// Counts that no scorer answered.
  private func problem(_ error: DispatchError) -> Problem {
    gateway.metrics.matchFailed()
    return Problem(error)
  }

  /// - Parameters: `query` and `body` are asked for only where the match is kept.
  private func note(
    _ response: MatchResponse, to query: @autoclosure () -> MatchQuery,
    body: @autoclosure () -> [UInt8], _ asked: Asked
  ) {
    gateway.history.note(
      coordinator: asked.coordinator, matchID: response.matchID, query: query(), body: body(),
      at: asked.now)
  }
}

/// What the answers to one request have in common.
private struct Asked {
  let coordinator: String
  let waited: Duration
  let now = Timestamp.now
  /// As of now: a reload may bring others.
  let offers: Offers

  init(_ coordinator: String, since started: ContinuousClock.Instant, _ offers: Offers) {
    self.coordinator = coordinator
    waited = .now - started
    self.offers = offers
  }
}

extension Problem {
  init(_ error: DispatchError) {
    self =
      switch error {
      case .noScorer: Problem(.noScorer, "no scorer can answer just now", retryAfterSeconds: 1)
      case .outdated:
        Problem(
          .noScorer, "no scorer here knows batches yet: ask for the matches one by one",
          retryAfterSeconds: 60)
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
