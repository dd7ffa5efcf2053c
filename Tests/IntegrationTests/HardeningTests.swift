import Testing

extension RunningProcesses {
  /// What nobody should send over HTTP, each case against a running gateway with bystanders.
  @Suite("Hardening", .hub(set: ["POOLHUB_REQUEST_TIMEOUT_SEC": "2"])) struct Hardening {
    @Test("Slow, endless, ambiguous and crowded: each is bounded, and others don't notice")
    func abuse() async throws {
      let run = try await PythonRun.run(
        "Tests/Python/http_abuse.py", ["\(suiteHub().directory)/dev.json"])
      #expect(run.status == 0, "\(run.output)")
    }
  }
}
