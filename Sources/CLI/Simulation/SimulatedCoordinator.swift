import JSON

/// A mock coordinator: matches at a steady rate, hands the jobs to the mock miners that were chosen, and
/// says of some how they went.
package struct SimulatedCoordinator: Sendable {
  /// Jobs that may be under way; beyond it a tick is skipped.
  private static let jobLimit = 2_000
  private static let meanJobSeconds = 2.0

  package let hubs: [HubClient]
  /// Matches a second.
  package let rate: Double
  /// The share of matches whose outcome it reports, in [0, 1].
  package let feedbackShare: Double
  package let seed: UInt64
  /// Jobs are named after it, so that two runs never speak of the same job.
  package let runName: String
  package let counters: SimulationCounters
  /// Those whose work can be simulated here, by id.
  package let miners: [String: SimulatedMiner]

  package init(
    hubs: [HubClient], rate: Double, feedbackShare: Double, seed: UInt64, runName: String,
    counters: SimulationCounters, miners: [String: SimulatedMiner]
  ) {
    self.hubs = hubs
    self.rate = rate
    self.feedbackShare = feedbackShare
    self.seed = seed
    self.runName = runName
    self.counters = counters
    self.miners = miners
  }

  /// Works until the task is cancelled.
  package func run() async {
    guard rate > 0 else { return }
    var mix = RequestMix(seed: seed)
    var random = SeededRandom(seed: seed, index: -2)
    let clock = ContinuousClock()
    let start = clock.now
    await withDiscardingTaskGroup { group in
      let gate = JobCount(limit: Self.jobLimit)
      var number = 0
      while !Task.isCancelled {
        number += 1
        try? await clock.sleep(until: start + .seconds(Double(number) / rate))
        let jobID = "\(runName)-\(number)"
        let body = mix.next(jobID: jobID)
        let reports = random.chance(feedbackShare)
        let hub = hubs[number % hubs.count]
        if Task.isCancelled { break }
        guard await gate.enter() else { continue }
        group.addTask {
          await job(jobID, body: body, reports: reports, hub: hub)
          await gate.leave()
        }
      }
      group.cancelAll()
    }
  }

  private func job(_ jobID: String, body: [UInt8], reports: Bool, hub: HubClient) async {
    guard let chosen = await match(body, hub: hub) else { return }
    // Only miners of this process can do work here; others are left alone.
    guard let miner = miners[chosen.minerID] else { return }
    if reports { await report(jobID, chosen, "accepted", hub: hub) }
    let result = await miner.work(meanSeconds: Self.meanJobSeconds)
    if !reports || Task.isCancelled { return }
    guard let result else { return await report(jobID, chosen, "rejected", hub: hub) }
    let outcome = result.succeeded ? "completed" : "failed"
    await report(jobID, chosen, outcome, latency: result.latency, hub: hub)
  }

  private struct Chosen {
    var minerID: String
    /// Goes back with each report on the job.
    var offer: String?
  }

  /// - Returns: the best candidate.
  private func match(_ body: [UInt8], hub: HubClient) async -> Chosen? {
    let clock = ContinuousClock()
    let start = clock.now
    guard let answer = try? await hub.match(body), answer.status == 200,
      let candidates = answer.json?["candidates"]?.array
    else {
      if !Task.isCancelled { counters.count { $0.failedMatches += 1 } }
      return nil
    }
    counters.matchLatency.record(clock.now - start)
    let best = candidates.first.flatMap { best in
      best["miner_id"]?.string.map { Chosen(minerID: $0, offer: best["offer"]?.string) }
    }
    counters.count {
      $0.matches += 1
      if best == nil { $0.emptyMatches += 1 }
    }
    return best
  }

  private func report(
    _ jobID: String, _ chosen: Chosen, _ outcome: String, latency: Duration? = nil, hub: HubClient
  ) async {
    var json = JSONWriter(capacity: 160)
    json.object { json in
      json.field("job_id", jobID)
      json.field("miner_id", chosen.minerID)
      if let offer = chosen.offer { json.field("offer", offer) }
      json.field("outcome", outcome)
      if let latency { json.field("latency_ms", (latency / .milliseconds(1)).rounded()) }
      if outcome == "failed" { json.field("fail_code", "worker_error") }
    }
    let answer = try? await hub.feedback(json.bytes)
    if Task.isCancelled { return }
    let isRecorded = answer?.isSuccess == true
    counters.count { if isRecorded { $0.feedbacks += 1 } else { $0.failedFeedbacks += 1 } }
  }
}

/// How many jobs are under way.
private actor JobCount {
  private let limit: Int
  private var count = 0

  init(limit: Int) { self.limit = limit }

  func enter() -> Bool {
    if count >= limit { return false }
    count += 1
    return true
  }

  func leave() { count -= 1 }
}
