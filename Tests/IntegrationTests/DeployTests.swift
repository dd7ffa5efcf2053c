import Foundation
import TestSupport
import Testing

extension RunningProcesses {
  /// What `deploy/` offers, with the real programs that it is for.
  @Suite("What is deployed around the hub") struct Deploy {
    struct Front: Encodable {
      var folder = PythonRun.root
      var gateways: [[Int]]
      var coordinator = OwnFleet.coordinatorSecret
      var `operator` = OwnFleet.adminSecret
    }

    @Test("nginx and HAProxy in front of two gateways", arguments: ["nginx", "haproxy"])
    func front(kind: String) async throws {
      try await OwnFleet.with { fleet in
        let settings = [
          "POOLHUB_TRUSTED_PROXIES": "127.0.0.1", "POOLHUB_OPERATOR_ALLOW": "127.0.0.2",
          "POOLHUB_LEASE_TTL_SEC": "60",
        ]
        var gateways: [[Int]] = []
        for number in 1...2 {
          let client = try await fleet.startGateway(number, settings)
          let port = try #require(URL(string: client.baseURL)?.port)
          gateways.append([port, Int(try fleet.process("gateway-\(number)").pid)])
        }
        try await fleet.startScorer(
          1, ["POOLHUB_GATEWAYS": "\(fleet.link(1)),\(fleet.link(2))"])
        let hub = try JSONEncoder().encode(Front(gateways: gateways))
        let run = try await PythonRun.run(
          "Tests/Python/front_tests.py", [kind, String(decoding: hub, as: UTF8.self)])
        #expect(run.status == 0, "\(run.output)")
      }
    }
  }
}
