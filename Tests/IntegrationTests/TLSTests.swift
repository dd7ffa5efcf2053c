import Foundation
import TestSupport
import Testing

extension RunningProcesses {
  @Suite("TLS in the gateway") struct TLS {
    @Test("Handshakes, versions, clients' certificates and new files, by a peer that isn't ours")
    func peer() async throws {
      try await OwnFleet.with { fleet in
        // So that none of its gateways has to wait for one.
        let links = (1...3).map { fleet.link($0) }
        try await fleet.startScorer(1, ["POOLHUB_GATEWAYS": links.joined(separator: ",")])
        let environment = try JSONEncoder().encode(fleet.environment)
        let run = try await PythonRun.run(
          "Tests/Python/tls_tests.py",
          [Binaries.path("poolhub-gateway"), String(decoding: environment, as: UTF8.self)] + links)
        #expect(run.status == 0, "\(run.output)")
      }
    }
  }
}
