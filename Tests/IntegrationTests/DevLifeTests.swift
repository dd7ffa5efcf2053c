import Fleet
import Glibc
import JSON
import Simulation
import TestSupport
import Testing

extension RunningProcesses {
  @Suite("The life of poolhub dev") struct DevLife {
    @Test("However it ends nothing of it is left running, and what it kept is there next time")
    func threeLives() async throws {
      let folder = try TestFolder()
      defer { folder.remove() }

      let first = try await DevRun.start(in: folder.path, ["--scorers", "1", "--miners", "10"])
      let secret = try first.state().coordinatorSecret
      let miner = try await LiveMiner.register(
        "life-1", capability: "life", at: try first.client())
      #expect(try await first.client().feedback(job: "life", miner: miner.id).status == 200)
      try await eventually("the mock miners are online") {
        try await first.client().health().json?["miners_online"]?.int ?? 0 >= 8
      }
      #expect(try await first.end(by: SIGTERM) == 0)
      #expect(try DevState.read(from: folder.path) == nil)

      let second = try await DevRun.start(in: folder.path, ["--scorers", "2", "--miners", "0"])
      #expect(try second.state().coordinatorSecret == secret)
      try await expectKept(miner, in: second, trust: 2.25 / 4.25)
      let again = try await second.client().feedback(job: "life", miner: miner.id)
      #expect(again.json?["duplicate"]?.bool == true)
      #expect(try await second.client().feedback(job: "more", miner: miner.id).status == 200)
      #expect(try await second.end(by: SIGKILL) == 128 + SIGKILL)

      let third = try await DevRun.start(in: folder.path, ["--scorers", "1", "--miners", "0"])
      try await expectKept(miner, in: third, trust: 2.5 / 4.5)
      let known = try await third.client().miners([("limit", "1000")])
      #expect(known.json?["miners"]?.array?.count == 11)
      #expect(try await third.end(by: SIGINT) == 0)
    }

    /// Reports without an offer count a quarter. The miner's old token holds, and its first sign of life brings all of it back.
    private func expectKept(_ miner: LiveMiner, in run: DevRun, trust: Double) async throws {
      let client = try run.client()
      #expect(try await client.renewLease(token: miner.token).status == 200)
      let candidate = try await client.match(capability: "life").candidate(miner.id)
      let shown = try #require(candidate?["trust"]?.double)
      #expect(abs(shown - trust) < 0.001)
      #expect(candidate?["price"] == .number("0.5"))
    }
  }
}
