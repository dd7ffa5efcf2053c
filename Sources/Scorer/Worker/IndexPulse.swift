import Messaging
import Supervision
import Synchronization

/// What the index thread lets others see of itself.
final class IndexPulse: Sendable {
  private let turnedAt = Atomic<Int64>(MonotonicClock.microseconds())
  private let ready = Atomic<Bool>(false)
  private let miners = Atomic<Int>(0)
  private let reachable = Atomic<Bool>(false)

  /// Matches can be answered.
  var isReady: Bool { ready.load(ordering: .relaxed) }
  /// All registered miners that it knows.
  var minerCount: Int { miners.load(ordering: .relaxed) }
  var isStreamReachable: Bool { reachable.load(ordering: .relaxed) }
  /// For how long the thread hasn't come around.
  var idleTime: Duration {
    .microseconds(MonotonicClock.microseconds() - turnedAt.load(ordering: .relaxed))
  }

  /// For the index thread, at each turn.
  func turned(at now: Int64) { turnedAt.store(now, ordering: .relaxed) }

  /// For the index thread, now and then.
  func show(isReady: Bool, minerCount: Int, isStreamReachable: Bool) {
    ready.store(isReady, ordering: .relaxed)
    miners.store(minerCount, ordering: .relaxed)
    reachable.store(isStreamReachable, ordering: .relaxed)
  }
}

/// How a scorer is, for its service manager.
struct ScorerLife: Supervised {
  /// A large fleet's first order takes its time.
  private static let patience = Duration.seconds(15)

  let pulse: IndexPulse

  var isReady: Bool { pulse.isReady }

  var status: String {
    if !pulse.isReady { return "loading the registry: \(pulse.minerCount) miners so far" }
    let end = pulse.isStreamReachable ? "" : "; Redis is out of reach"
    return "answers matches over \(pulse.minerCount) registered miners\(end)"
  }

  func isAlive() async -> Bool { pulse.idleTime < Self.patience }
}
