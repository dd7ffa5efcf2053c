import Feedback
import ServiceLifecycle

/// Forgets idempotency keys whose day is over, so that their table stays as large as a day's feedback.
struct IdempotencyKeySweeper: Service {
  private static let interval = Duration.seconds(60)
  private static let rowsPerStep = 10_000

  let store: PostgresFeedbackStore

  func run() async throws {
    await cancelWhenGracefulShutdown {
      while !Task.isCancelled {
        // An outage needs no word here: the next round goes on.
        while let count = try? await store.deleteExpiredKeys(limit: Self.rowsPerStep),
          count == Self.rowsPerStep
        {}
        try? await Task.sleep(for: Self.interval)
      }
    }
  }
}
