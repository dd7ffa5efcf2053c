import Domain

/// Whom matches are open to, beyond what they ask: a least trust where they name none, and a share of
/// them in which somebody gets a chance who has little to show yet.
///
/// Which matches explore is in their job ids, so the same request is answered alike by every scorer.
package struct NewcomerPolicy: Equatable, Sendable {
  /// Newcomers: from no evidence up to that of four completed jobs, and more good than bad.
  package static let trust = 0.5...0.75

  /// Of matches that ask for none.
  package var minTrust: Double
  /// Of the matches, whose last candidate is a newcomer; 0: of none.
  package var share: Double

  package init(minTrust: Double = 0, share: Double = 0) {
    self.minTrust = minTrust
    self.share = share
  }

  /// - Parameter match: asks the index.
  package func answer(
    _ query: MatchQuery, match: (MatchQuery) -> MatchAnswer
  ) -> MatchAnswer {
    if minTrust <= 0 && share <= 0 { return match(query) }
    var asked = query
    if query.minTrust == nil && minTrust > 0 { asked.minTrust = minTrust }
    let answer = match(asked)
    guard explores(query.jobID) else { return answer }
    return withNewcomer(answer, query, match)
  }

  /// The answer with the best newcomer in the last place, if there isn't one anyway.
  private func withNewcomer(
    _ answer: MatchAnswer, _ query: MatchQuery, _ match: (MatchQuery) -> MatchAnswer
  ) -> MatchAnswer {
    let isFull = answer.candidates.count >= query.topK
    if isFull, let last = answer.candidates.last, Self.trust.contains(last.trust) { return answer }
    var asked = query
    asked.topK = 1
    asked.minTrust = max(Self.trust.lowerBound, query.minTrust ?? 0)
    asked.maxTrust = Self.trust.upperBound
    asked.exclude += answer.candidates.map(\.minerID)
    asked.explainsFully = false
    guard let newcomer = match(asked).candidates.first else { return answer }
    var answer = answer
    // Counts say why there is nobody, and now there is somebody.
    if answer.candidates.isEmpty && !query.explainsFully { answer.counts = nil }
    if isFull { answer.candidates.removeLast() }
    answer.candidates.append(newcomer)
    return answer
  }

  private func explores(_ jobID: String) -> Bool {
    if share <= 0 { return false }
    // FNV-1a, then mixed so that the high bits depend on all of the name.
    var hash: UInt64 = 0xCBF2_9CE4_8422_2325
    for byte in jobID.utf8 { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01B3 }
    hash = (hash ^ (hash >> 33)) &* 0xFF51_AFD7_ED55_8CCD
    hash ^= hash >> 33
    return Double(hash >> 11) * 0x1p-53 < share
  }
}
