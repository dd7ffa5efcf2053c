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
    var unansweredCount: Int { queries.count - answeredCount }
    var next: MatchQuery { queries[answeredCount] }
    var reply: Message { areWritten ? .writtenBatchReply(written) : .batchReply(answers) }

    mutating func append(_ answer: MatchAnswer) {
      if areWritten { written.append(answer.written()) } else { answers.append(answer) }
    }
  }

  /// The one whose turn it is.
  private var current: Batch?
  private var waiting: Deque<Batch> = []
  /// Entries without an answer.
  private(set) var count = 0

  var isEmpty: Bool { current == nil }
  /// Nothing is answered yet of the one whose turn it is.
  var isAtStart: Bool { (current?.answeredCount ?? 0) == 0 }

  /// - Returns: false when there is too much to do already.
  mutating func add(
    _ match: ParkedMatches.Match, _ queries: [MatchQuery], areWritten: Bool
  ) -> Bool {
    guard count < ParkedMatches.limit else { return false }
    waiting.append(Batch(match: match, queries: queries, areWritten: areWritten))
    count += queries.count
    if current == nil { current = waiting.popFirst() }
    return true
  }

  /// The entry to answer next, whose answer is to be given to `take`; nil when there is none.
  var next: MatchQuery? { current?.next }

  /// - Returns: the batch that this was the last answer of.
  mutating func take(_ answer: MatchAnswer) -> Batch? {
    current?.append(answer)
    count -= 1
    guard current?.unansweredCount == 0 else { return nil }
    defer { current = waiting.popFirst() }
    return current.take()
  }

  /// Leaves those alone that nobody waits for any more.
  ///
  /// - Returns: how many of their entries had no answer.
  mutating func dropLate(now: Int64) -> Int {
    let before = count
    while let deadline = current?.match.deadline, deadline <= now {
      count -= current?.unansweredCount ?? 0
      current = waiting.popFirst()
    }
    return before - count
  }
}
