import Admission
import GatewayAPI
import GatewayPolicy

/// Holds back who tries out secrets and keys. Whoever has presented too many that aren't any isn't told
/// whether the next one is. What a session token says needs no such care, and what asks for no proof goes on.
struct SignIns: Sendable {
  /// What a request presents.
  struct Attempt: Sendable {
    var client: IPAddress
    /// The token of `Authorization`, or of a WebSocket's query.
    var token: String?
    var hasKey: Bool
    /// Reads only, so that it has no body with a key in it.
    var isRead: Bool
  }

  let limits: RateLimits
  let metrics: GatewayMetrics

  /// - Throws: `Problem` 429.
  func check(_ attempt: Attempt) throws(Problem) {
    if attempt.isHarmless { return }
    try limits.check(.signIn, of: Self.key(attempt.client))
  }

  /// - Throws: `Problem` 429 in place of `problem`, where it was one too many.
  func note(_ problem: Problem, _ attempt: Attempt) throws(Problem) {
    if let reason = Self.refusal(problem, attempt) { metrics.refusedKey(reason) }
    let isWrong =
      switch problem.code {
      case .wrongKey, .keyNotIssued: true
      case .unauthorized: problem.presented == .unknown || attempt.hasSecret
      default: false
      }
    if isWrong { try limits.spend(.signIn, by: Self.key(attempt.client)) }
  }

  /// Why what was presented is refused, as a word for the metrics.
  private static func refusal(_ problem: Problem, _ attempt: Attempt) -> String? {
    switch problem.code {
    case .wrongKey, .keyNotIssued, .keyInUse, .keyEnded: problem.code.rawValue
    // A wrong secret may stand in a field of its own.
    case .unauthorized: (problem.presented ?? (attempt.hasKey ? .unknown : nil))?.rawValue
    default: nil
    }
  }

  private static func key(_ client: IPAddress) -> String { client.subscriber.description }
}

extension SignIns.Attempt {
  fileprivate var hasSecret: Bool {
    hasKey || token.map { !$0.hasPrefix(SessionTokens.prefix) } ?? false
  }

  fileprivate var isHarmless: Bool { hasKey ? false : token != nil ? !hasSecret : isRead }
}
