import DequeModule
import Domain
import MatchText
import Wire

/// Batches that are being answered, entry by entry and one after another. A long one, of requests that
/// cost much, goes on in the next turn, so that changes, beats and single matches get theirs. Pure.
struct BatchesInWork {
  struct Batch {
    var match: ParkedMatches.Match
    var queries: [MatchQuery]
    /// Its gateway takes answers as coordinators read them. They are written one by one, so that a long batch
    /// doesn't keep all else waiting at its end.
    var areWritten: Bool
    private var answers: [MatchAnswer] = []
    private var written: [WrittenAnswer] = []

    init(match: ParkedMatches.Match, queries: [MatchQuery], areWritten: Bool) {
      self.match = match
      self.queries = queries
      self.areWritten = areWritten
      if areWritten {
        written.reserveCapacity(queries.count)
      } else {
        answers.reserveCapacity(queries.count)
      }
    }

    var answeredCount: Int { answers.count + written.count }
    var reply: Message { areWritten ? .writtenBatchReply(written) : .batchReply(answers) }

    mutating func append(_ answer: MatchAnswer) {
      if areWritten { written.append(answer.written()) } else { answers.append(answer) }
    }
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
  var isAtStart: Bool { batches.first.map { $0.answeredCount == 0 } ?? true }

  /// - Returns: false when there is too much to do already.
  mutating func add(
    _ match: ParkedMatches.Match, _ queries: [MatchQuery], areWritten: Bool
  ) -> Bool {
    guard count < ParkedMatches.limit else { return false }
    batches.append(Batch(match: match, queries: queries, areWritten: areWritten))
    count += queries.count
    return true
  }

  /// What to do next; nil when there is nothing. An answer is to be given to `take`.
  mutating func next(now: Int64) -> Step? {
    guard let batch = batches.first else { return nil }
    if now < batch.match.deadline { return .answer(batch.queries[batch.answeredCount]) }
    count -= batch.queries.count - batch.answeredCount
    return .drop(batches.removeFirst())
  }

  /// - Returns: the batch that this was the last answer of.
  mutating func take(_ answer: MatchAnswer) -> Batch? {
    batches[0].append(answer)
    count -= 1
    if batches[0].answeredCount < batches[0].queries.count { return nil }
    return batches.removeFirst()
  }
}
