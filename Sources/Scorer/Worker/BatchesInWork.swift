import DequeModule
import Domain

/// Batches that are being answered, entry by entry and one after another. A long one, of requests that
/// cost much, goes on in the next turn, so that changes, beats and single matches get theirs. Pure.
struct BatchesInWork {
  struct Batch {
    var match: ParkedMatches.Match
    var queries: [MatchQuery]
    var answers: [MatchAnswer] = []
  }

  enum Step {
    case answer(MatchQuery)
    /// Nobody waits any more for this one, which has not all its answers.
    case drop(Batch)
  }

  private var batches: Deque<Batch> = []
  /// Entries without an answer.
  private(set) var count = 0

  var isEmpty: Bool { batches.isEmpty }
  /// Nothing is answered yet of the one whose turn it is.
  var isAtStart: Bool { batches.first?.answers.isEmpty ?? true }

  /// - Returns: false when there is too much to do already.
  mutating func add(_ match: ParkedMatches.Match, _ queries: [MatchQuery]) -> Bool {
    guard count < ParkedMatches.limit else { return false }
    var batch = Batch(match: match, queries: queries)
    batch.answers.reserveCapacity(queries.count)
    batches.append(batch)
    count += queries.count
    return true
  }

  /// What to do next; nil when there is nothing. An answer is to be given to `take`.
  mutating func next(now: Int64) -> Step? {
    guard let batch = batches.first else { return nil }
    if now < batch.match.deadline { return .answer(batch.queries[batch.answers.count]) }
    count -= batch.queries.count - batch.answers.count
    return .drop(batches.removeFirst())
  }

  /// - Returns: the batch that this was the last answer of.
  mutating func take(_ answer: MatchAnswer) -> Batch? {
    batches[0].answers.append(answer)
    count -= 1
    if batches[0].answers.count < batches[0].queries.count { return nil }
    return batches.removeFirst()
  }
}
