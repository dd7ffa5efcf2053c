import Index
import Logging

/// Shows, now and then, an answer that the audit found wrong.
struct AuditLog {
  private static let intervalMicroseconds: Int64 = 10_000_000

  private var nextLog: Int64 = 0

  /// - Parameter take: the first difference since it was last asked for.
  mutating func log(
    now: Int64, of total: Int?, to logger: Logger, _ take: () -> AuditDifference?
  ) {
    guard nextLog <= now, let difference = take() else { return }
    nextLog = now + Self.intervalMicroseconds
    logger.error(
      "an answer is not the plain index's",
      metadata: [
        "request": "\(difference.query)", "answer": "\(difference.answer)",
        "expected": "\(difference.expected)", "now": "\(difference.now.milliseconds)",
        "lease-time": "\(difference.leaseTime.milliseconds)",
        "differences": "\(total ?? 0)",
      ])
  }
}
