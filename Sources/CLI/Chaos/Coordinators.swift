import Domain
import JSON
import Simulation
import Synchronization

/// Coordinators that match at a steady rate whatever becomes of it, and report on some of the jobs until
/// the hub has acknowledged it.
struct Coordinators: Sendable {
  /// Matches under way; beyond it a turn is left out.
  private static let matchLimit = 2_000
  /// Reports that aren't acknowledged yet; beyond it none are added.
  private static let reportLimit = 10_000
  /// What the hub is given for a match.
  private static let deadlineMilliseconds = 1_000
  /// What a coordinator gives all gateways together.
  private static let patience = Duration.seconds(5)
  private static let pauseBeforeRepeating = Duration.milliseconds(100)...Duration.milliseconds(400)

  let balancer: Balancer
  let ledger: Ledger
  let seed: UInt64
  /// Matches a second.
  let rate: Double
  /// The share of answered matches that is reported on.
  let feedbackShare: Double

  /// Works until `isEnough`, then returns once everything is acknowledged, or `drain` is over.
  /// - Returns: turns left out because too much was under way, and reports never acknowledged.
  func run(
    until isEnough: @Sendable @escaping () -> Bool, drain: Duration
  ) async -> (skipped: Int, unacknowledged: Int) {
    var mix = RequestMix(seed: seed)
    var random = SeededRandom(seed: seed, index: -4)
    let work = Work()
    var skipped = 0
    await withDiscardingTaskGroup { group in
      let start = ContinuousClock.now
      var number = 0
      while !isEnough() && !Task.isCancelled {
        number += 1
        try? await Task.sleep(until: start + .seconds(Double(number) / rate), clock: .continuous)
        let jobID = "chaos-\(seed)-\(number)"
        let body = mix.next(jobID: jobID, deadlineMilliseconds: Self.deadlineMilliseconds)
        let outcome = random.chance(feedbackShare) ? Self.outcome(using: &random) : nil
        guard work.matches.load(ordering: .relaxed) < Self.matchLimit else {
          skipped += 1
          continue
        }
        work.matches.wrappingAdd(1, ordering: .relaxed)
        group.addTask { await job(jobID, body, outcome, work) }
      }
      let end = ContinuousClock.now + drain
      group.addTask {
        while ContinuousClock.now < end && work.isBusy {
          try? await Task.sleep(for: .milliseconds(20))
        }
        work.isOver.store(true, ordering: .relaxed)
      }
    }
    return (skipped, work.unacknowledged.load(ordering: .relaxed))
  }

  private static func outcome(using random: inout SeededRandom) -> Outcome {
    [.completed, .failed, .rejected, .accepted][random.index(weights: [75, 15, 5, 5])]
  }

  private func job(_ jobID: String, _ body: [UInt8], _ outcome: Outcome?, _ work: Work) async {
    let best = await match(body)
    work.matches.wrappingSubtract(1, ordering: .relaxed)
    guard let best, let outcome, work.reports.load(ordering: .relaxed) < Self.reportLimit else {
      return
    }
    work.reports.wrappingAdd(1, ordering: .relaxed)
    let feedback = Ledger.Feedback(jobID: jobID, minerID: best.minerID, outcome: outcome)
    if await !report(feedback, offer: best.offer, work) {
      work.unacknowledged.wrappingAdd(1, ordering: .relaxed)
    }
    work.reports.wrappingSubtract(1, ordering: .relaxed)
  }

  private struct Best {
    var minerID: String
    var offer: String?
  }

  /// - Returns: the best candidate.
  private func match(_ body: [UInt8]) async -> Best? {
    let sentAt = Timestamp.now
    let start = ContinuousClock.now
    ledger.sentMatch(at: start)
    let answer = await balancer.ask(by: start + Self.patience) { try await $0.match(body) }
    let candidates =
      answer?.status == 200
      ? (answer?.json?["candidates"]?.array ?? []).compactMap { candidate in
        candidate["miner_id"]?.string.map { Best(minerID: $0, offer: candidate["offer"]?.string) }
      } : []
    ledger.endedMatch(
      status: answer?.status, sentAt: sentAt, candidates: candidates.map(\.minerID),
      at: ContinuousClock.now)
    return candidates.first
  }

  /// Reports until it is acknowledged, always under the same key.
  /// - Returns: whether it was.
  private func report(_ feedback: Ledger.Feedback, offer: String?, _ work: Work) async -> Bool {
    var json = JSONWriter(capacity: 160)
    json.object { json in
      json.field("job_id", feedback.jobID)
      json.field("miner_id", feedback.minerID)
      json.field("outcome", feedback.outcome.rawValue)
      if let offer { json.field("offer", offer) }
    }
    let body = json.bytes
    let key = "\(feedback.jobID)-\(feedback.outcome.rawValue)"
    while !work.isOver.load(ordering: .relaxed) && !Task.isCancelled {
      let answer = await balancer.ask(by: .now + Self.patience) {
        try await $0.feedback(body, idempotencyKey: key)
      }
      switch answer?.status {
      case 200:
        ledger.acknowledged(feedback)
        return true
      case 503, nil: break
      default:
        ledger.refused("feedback \(key): \(answer?.summary ?? "")")
        return false
      }
      let pause = Self.pauseBeforeRepeating
      let share = Double.random(in: 0...1)
      try? await Task.sleep(for: pause.lowerBound + (pause.upperBound - pause.lowerBound) * share)
    }
    return false
  }

  /// How much is under way.
  private final class Work: Sendable {
    let matches = Atomic<Int>(0)
    let reports = Atomic<Int>(0)
    let unacknowledged = Atomic<Int>(0)
    /// Nothing more is repeated.
    let isOver = Atomic<Bool>(false)

    var isBusy: Bool {
      matches.load(ordering: .relaxed) > 0 || reports.load(ordering: .relaxed) > 0
    }
  }
}
