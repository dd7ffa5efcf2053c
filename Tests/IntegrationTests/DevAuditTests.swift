import Fleet
import Simulation
import TestSupport
import Testing

extension RunningProcesses {
  @Suite(
    "The audit of live answers",
    .hub(
      scorers: 2,
      set: [
        // Short, so that miners leave the index and come back meanwhile.
        "POOLHUB_AUDIT_SHARE": "1", "POOLHUB_LEASE_TTL_SEC": "4",
        "POOLHUB_HEARTBEAT_GRACE_SEC": "1",
      ])) struct DevAudit
  {
    @Test("All answers of a busy pool are audited, and none differs from the plain index's")
    func busyPool() async throws {
      let hub = try suiteHub()
      let client = try hub.client()
      let simulation = try await ChildProcess.start(
        executable: Binaries.path("poolhub"),
        arguments: [
          "simulate", "--miners", "300", "--seed", "11", "--match-rate", "150", "--mean-stay",
          "15", "--data", hub.directory,
        ], deathSignal: .terminate, output: .file("\(hub.directory)/simulate.log"))
      try await eventually("a thousand answers are audited", within: .seconds(120)) {
        let metrics = try await scrape(client)
        return metrics.total("poolhub_scorer_audited_answers_total") >= 1_200
          && metrics.total("poolhub_miners_online") >= 200
      }
      simulation.terminate()
      #expect(await simulation.waitForExit() == 0)

      let metrics = try await scrape(client)
      for scorer in ["scorer-1", "scorer-2"] {
        func total(_ name: String) -> Double { metrics.total(name, ["scorer": scorer]) }
        #expect(total("poolhub_scorer_audited_answers_total") > 0)
        #expect(
          total("poolhub_scorer_audited_answers_total") == total("poolhub_scorer_answers_total"))
        #expect(
          total("poolhub_scorer_audit_differences_total") == 0, "\(faults(of: scorer, hub))")
      }
      #expect(metrics.samples("poolhub_scorer_audit_differences_total").count == 2)
    }

    private func scrape(_ client: HubClient) async throws -> PrometheusText {
      PrometheusText(try await client.request("GET", "/v1/metrics").text)
    }

    /// What its log says of differences.
    private func faults(of scorer: String, _ hub: RunningHub) -> [Substring] {
      hub.log(of: scorer).split(separator: "\n").filter { $0.contains("plain index") }
    }
  }
}
