import Foundation
import TestSupport
import Testing

extension RunningProcesses {
  @Suite("TLS in the gateway") struct TLS {
    @Test("Handshakes, versions, clients' certificates and new files, by a peer that isn't ours")
    func peer() async throws {
      try await OwnFleet.with { fleet in
        let environment = try JSONEncoder().encode(fleet.environment)
        let run = try await PythonRun.run(
          "Tests/Python/tls_tests.py",
          [Binaries.path("poolhub-gateway"), String(decoding: environment, as: UTF8.self)])
        #expect(run.status == 0, "\(run.output)")
      }
    }
  }
}
