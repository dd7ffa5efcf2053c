import JSON
import Simulation
import TestSupport
import Testing

extension RunningProcesses {
  @Suite(
    "A flood of matches",
    .hub(set: ["POOLHUB_SCORER_IN_FLIGHT": "4", "POOLHUB_SCORER_QUEUE": "16"]))
  struct FailureOverload {
    @Test("With every place taken the answer is 503 at once, and all else goes on")
    func full() async throws {
      let hub = try suiteHub()
      let client = try hub.client()
      let miner = try await LiveMiner.register("over-1", capability: "over", at: client)
      try await hub.whileStopped("scorer-1") {
        let flood = Task {
          await withTaskGroup(of: Void.self) { group in
            for _ in 0..<40 {
              group.addTask {
                _ = try? await client.match(capability: "over", deadlineMilliseconds: 6_000)
              }
            }
          }
        }
        try await eventually("every place is taken") {
          try await client.match(capability: "over", deadlineMilliseconds: 1).json?["code"]
            == .string("overloaded")
        }
        var times: [Duration] = []
        for _ in 0..<50 {
          let start = ContinuousClock.now
          let answer = try await client.match(capability: "over", deadlineMilliseconds: 6_000)
          times.append(.now - start)
          answer.expectProblem(503, "overloaded", retries: true)
        }
        // Of a debug build on a busy machine, so the middle one counts.
        #expect(times.sorted()[25] < .milliseconds(10), "\(times.sorted())")

        // Neither what needs no scorer is held up, nor feedback by matches.
        try await hub.waitForHealth("unavailable", scorers: 0)
        let start = ContinuousClock.now
        #expect(try await client.request("GET", "/v1/live").status == 200)
        _ = try await LiveMiner.register("over-2", capability: "over", at: client)
        #expect(try await miner.heartbeat(["queue_len": .int(0)]).status == 200)
        #expect(.now - start < .seconds(2))
        // The dispatch shows what it has counted ten times a second.
        try await eventually("all refusals are counted, and who waits") {
          let metrics = PrometheusText(try await client.request("GET", "/v1/metrics").text)
          return metrics.total("poolhub_limit_hits_total", ["limit": "scorer_queue"]) >= 50
            && metrics.total("poolhub_dispatch_waiting") >= 16
        }
        let report = Task { try await client.feedback(job: "over", miner: miner.id) }
        try await Task.sleep(for: .milliseconds(300))
        flood.cancel()
        await flood.value
        _ = report
      }
      try await hub.waitForHealth("ok", scorers: 1)
      // Handed in while every place for matches was taken, and recorded when the scorer went on.
      try await eventually("the feedback is there") {
        let again = try await client.feedback(job: "over", miner: miner.id)
        return again.json?["duplicate"] == .bool(true)
      }
      #expect(try await client.online("over") == ["over-1", "over-2"])
    }

    @Test(
      "What nobody waited for any more is dropped by a scorer that comes back, and counted",
      arguments: [false, true])
    func dropped(inBatches: Bool) async throws {
      let hub = try suiteHub()
      let client = try hub.client()
      try await hub.waitForHealth("ok", scorers: 1)
      func dropped() async throws -> Double {
        PrometheusText(try await client.request("GET", "/v1/metrics").text)
          .total("poolhub_scorer_dropped_total")
      }
      let before = try await dropped()
      // Sent in time even on a busy machine, and over before the scorer counts as silent.
      let entry = #"{"job_id": "late", "hints": {"deadline_ms": 400}}"#
      try await hub.whileStopped("scorer-1") {
        await withTaskGroup(of: Void.self) { group in
          for _ in 0..<4 {
            group.addTask {
              if inBatches {
                _ = try? await client.matchBatch([entry, entry, entry])
              } else {
                _ = try? await client.match(capability: "over", deadlineMilliseconds: 400)
              }
            }
          }
        }
        try await Task.sleep(for: .milliseconds(1_200))
      }
      try await hub.waitForHealth("ok", scorers: 1)
      // On a busy machine not all of them leave the gateway within their deadline.
      try await eventually("they are counted") { try await dropped() > before }
      let weight = inBatches ? 3.0 : 1
      let more = try await dropped() - before
      #expect(more <= 4 * weight)
      #expect(more.truncatingRemainder(dividingBy: weight) == 0)
    }
  }
}
