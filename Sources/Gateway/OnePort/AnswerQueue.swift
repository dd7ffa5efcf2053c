import NIOCore

/// Answers that are found in any order and leave in the order of their questions.
struct AnswerQueue<Answer> {
  private var places = CircularBuffer<Answer?>()
  private var firstNumber = 0

  var isEmpty: Bool { places.isEmpty }
  var count: Int { places.count }

  /// Keeps the next place.
  /// - Returns: its number, for `fill`.
  mutating func reserve() -> Int {
    places.append(nil)
    return firstNumber + places.count - 1
  }

  /// - Precondition: the place was reserved and isn't filled yet.
  mutating func fill(_ number: Int, with answer: Answer) {
    let index = places.index(places.startIndex, offsetBy: number - firstNumber)
    if case .some = places[index] { preconditionFailure("a request was answered twice") }
    places[index] = .some(answer)
  }

  /// An answer whose turn it is leaves at once and needn't be kept.
  /// - Returns: false when others are to leave before it.
  mutating func pass(_ number: Int) -> Bool {
    guard number == firstNumber, !places.isEmpty else { return false }
    places.removeFirst()
    firstNumber += 1
    return true
  }

  /// The answer whose turn it is; nil when it isn't there yet.
  mutating func popFirst() -> Answer? {
    guard case .some(.some(let answer)) = places.first else { return nil }
    places.removeFirst()
    firstNumber += 1
    return answer
  }
}
