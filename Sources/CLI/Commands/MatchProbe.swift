import HeartbeatBenchmark
import JSON
import Simulation

/// What came of the matches that were asked while miners connected and spoke.
struct MatchFigures: Sendable {
  var asked = 0
  /// Not answered with success, or with nobody although there was somebody.
  var failed = 0
  var lastFault = ""
  private var latencies = LatencyCounts()

  var p50: Double? { latencies.milliseconds(0.5) }
  var p99: Double? { latencies.milliseconds(0.99) }

  fileprivate mutating func take(_ fault: String?, after time: Duration) {
    asked += 1
    latencies.record(nanoseconds: Int64(time / .nanoseconds(1)))
    guard let fault else { return }
    failed += 1
    lastFault = fault
  }
}

/// Asks gateways in turn for the best three of one region after another, steadily and not often, to see how
/// long an answer takes while they do other things.
struct MatchProbe: Sendable {
  private static let interval = Duration.milliseconds(5)

  let clients: [HubClient]
  let regions: Int

  /// Asks until it is cancelled.
  func start() -> Task<MatchFigures, Never> { Task { await run() } }

  /// Asks for so long.
  func run(for duration: Duration) async throws -> MatchFigures {
    let asking = start()
    try await Task.sleep(for: duration)
    asking.cancel()
    return await asking.value
  }

  /// Waits until every gateway finds somebody in every region.
  ///
  /// - Throws: `CommandError` when one still finds nobody after `limit`.
  func waitForSomebody(within limit: Duration) async throws {
    let deadline = ContinuousClock.now + limit
    for number in 0..<regions * clients.count {
      // Each gateway for each region, whatever their numbers have in common.
      let region = BenchMiner.region(number / clients.count)
      while let fault = try await ask(region, of: clients[number % clients.count], number) {
        if ContinuousClock.now > deadline { throw CommandError(fault) }
        try await Task.sleep(for: .milliseconds(20))
      }
    }
  }

  private func run() async -> MatchFigures {
    var figures = MatchFigures()
    let clock = ContinuousClock()
    var next = clock.now
    while !Task.isCancelled {
      let startedAt = clock.now
      do {
        let number = figures.asked
        let fault = try await ask(
          BenchMiner.region(number % regions), of: clients[number % clients.count], number)
        figures.take(fault, after: clock.now - startedAt)
      } catch is CancellationError {
        break
      } catch {
        figures.take("\(error)", after: clock.now - startedAt)
      }
      next = max(next + Self.interval, clock.now)
      try? await clock.sleep(until: next)
    }
    return figures
  }

  /// - Returns: what is wrong with the answer; nil: nothing.
  private func ask(_ region: String, of client: HubClient, _ number: Int) async throws -> String? {
    let body = #"{"job_id":"probe-\#(number)","hints":{"region":"\#(region)"},"top_k":3}"#
    let answer = try await client.match(Array(body.utf8))
    guard answer.isSuccess else { return answer.summary }
    return answer.json?["candidates"]?.array?.isEmpty == false ? nil : "nobody in \(region)"
  }
}
