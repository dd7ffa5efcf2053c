import GatewayAPI
import Postgres
import Redis

/// A store's failure as callers see it.
enum StoreProblem {
  static let retryAfterSeconds = 2

  /// - Returns: 503 when a store is away or overrun; nil when the error is something else.
  static func of(_ error: any Error) -> Problem? {
    switch error {
    case let error as PostgresError where error.isUnavailable: return unavailable
    case is RedisError: return unavailable
    default: return nil
    }
  }

  private static let unavailable = Problem(
    .storeUnavailable, "the hub cannot store or look this up just now",
    retryAfterSeconds: retryAfterSeconds)
}
