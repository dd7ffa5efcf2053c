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
    let now = Timestamp.now
    let response = try response(
      outcome, to: query.jobID, of: coordinator, since: started, at: now)
    let body = response.body()
    gateway.history.note(
      coordinator: coordinator, matchID: response.matchID, query: query, body: body, at: now)
    return body
  }

  /// Counts the outcome, and offers the candidates.
  private func response(
    _ outcome: Result<WrittenAnswer, DispatchError>, to jobID: String, of coordinator: String,
    since started: ContinuousClock.Instant, at now: Timestamp
  ) throws(Problem) -> MatchResponse {
    switch outcome {
    case .success(let answer):
      gateway.metrics.matched(answer, after: .now - started)
      let offers = gateway.offers.make(
        for: answer, coordinator: coordinator, jobID: jobID, at: now)
      return MatchResponse(
        jobID: jobID, matchID: RequestID.next(), answer: answer, offers: offers)
    case .failure(let error):
      gateway.metrics.matchFailed()
      throw Problem(error)
    }
  }
}

// Batches.
extension Matching {
  /// Puts the answers of all entries together, each as if it had been asked alone: what its scorer said, or
  /// what is wrong with it, or that it came later than it had to.
  ///
  /// - Parameter outcome: nil in the place of a reply when no entry was good.
  /// - Throws: the problem to answer with when no scorer answered.
  func answer(
    _ outcome: Result<BatchReply?, DispatchError>, to batch: MatchBatch, of coordinator: String,
    since started: ContinuousClock.Instant
  ) throws(Problem) -> MatchBatchResponse {
    let reply: BatchReply?
    do {
      reply = try outcome.get()
    } catch {
      for _ in batch.queries { gateway.metrics.matchFailed() }
      throw Problem(error)
    }
    let waited = ContinuousClock.now - started
    var answers = (reply?.answers ?? []).makeIterator()
    // Whoever iterates over an array has a copy of each query; a span lends them.
    let queries = batch.queries.span
    var place = 0
    var results: [Result<MatchResponse, Problem>] = []
    results.reserveCapacity(batch.deadlines.count)
    for deadline in batch.deadlines {
      do throws(Problem) {
        let isLate = waited > .milliseconds(try deadline.get())
        defer { place += 1 }
        // There is one for each good entry: else the reply would not have been taken.
        let answer = answers.next()
        let outcome: Result<WrittenAnswer, DispatchError> =
          answer.map { isLate ? .failure(.deadline) : .success($0) } ?? .failure(.faulty)
        let now = Timestamp.now
        let match = try self.response(
          outcome, to: queries[place].jobID, of: coordinator, since: started, at: now)
        // Written once more where it is kept, which few of so many are.
        gateway.history.note(
          coordinator: coordinator, matchID: match.matchID, query: queries[place],
          body: match.body(), at: now)
        results.append(.success(match))
      } catch {
        if case .failure = deadline { gateway.metrics.matchRefused() }
        results.append(.failure(error))
      }
    }
    gateway.metrics.batchAnswered()
    return MatchBatchResponse(results)
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
