import Fleet
import Foundation
import Glibc
import JSON
import Simulation
import TestSupport
import Testing

extension RunningProcesses {
  @Suite("The examples", .hub(gateways: 1, scorers: 1, set: ["POOLHUB_LEASE_TTL_SEC": "3"]))
  struct Examples {
    private static let root = URL(filePath: #filePath)
      .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent().path
    /// Kept between runs, since it needs the network once.
    private static let environment = root + "/.build/examples-python"
    private static var python: String { environment + "/bin/python" }

    /// A program's output, once it has ended.
    private static func run(
      _ executable: String, _ arguments: [String], _ variables: [String: String] = [:]
    ) async throws -> (status: Int32, output: String) {
      let folder = try TestFolder()
      defer { folder.remove() }
      let child = try await start(executable, arguments, variables, output: folder)
      let patience = Task {
        try await Task.sleep(for: .seconds(240))
        child.terminate(signal: SIGKILL)
      }
      let status = await child.waitForExit()
      patience.cancel()
      return (status, output(in: folder))
    }

    private static func start(
      _ executable: String, _ arguments: [String], _ variables: [String: String],
      output folder: TestFolder
    ) async throws -> ChildProcess {
      try await ChildProcess.start(
        executable: executable, arguments: arguments,
        environment: ProcessInfo.processInfo.environment.merging(variables) { $1 },
        output: .file(folder.path + "/output"))
    }

    private static func output(in folder: TestFolder) -> String {
      (try? String(contentsOfFile: folder.path + "/output", encoding: .utf8)) ?? ""
    }

    private static func makeEnvironment() async throws {
      let made = try await run(
        root + "/deploy/python-venv.sh", [environment, root + "/examples/requirements.txt"])
      try #require(made.status == 0, "\(made.output)")
    }

    @Test("A Python miner offers a service, coordinators in Python and curl find it, and it leaves")
    func together() async throws {
      try await Self.makeEnvironment()
      let client = try suiteHub().client()
      let coordinator = [
        "POOLHUB_URL": client.baseURL,
        "POOLHUB_COORDINATOR_SECRET": client.coordinatorSecret ?? "",
      ]
      let examples = Self.root + "/examples"
      let nobody = try await Self.run(
        Self.python, [examples + "/coordinator.py", "--service", "whisper"], coordinator)
      #expect(nobody.status != 0 && nobody.output.contains("nobody fits"), "\(nobody.output)")

      let folder = try TestFolder()
      defer { folder.remove() }
      let miner = try await Self.start(
        Self.python,
        [
          examples + "/miner.py", "--miner-id", "example-1", "--addr", "10.0.0.5:9000", "--region",
          "eu", "--vram", "6", "--max-parallel", "2", "--price", "0.12345678", "--service",
          "whisper", "--service", "stable_diffusion",
        ], ["POOLHUB_URL": client.baseURL, "POOLHUB_API_KEY": "the-key-of-the-example"],
        output: folder)
      defer { miner.terminate(signal: SIGKILL) }
      await eventually("it is connected", within: .seconds(30)) {
        Self.output(in: folder).contains("connected\n")
      }
      let said = Self.output(in: folder)
      #expect(said.contains("stable_diffusion: Stable Diffusion needs 8 GB"), "\(said)")

      let found = try await Self.run(
        Self.python,
        [
          examples + "/coordinator.py", "--service", "whisper", "--region", "eu", "--max-price",
          "0.5", "--min-vram", "4", "--top-k", "3",
        ], coordinator)
      #expect(found.status == 0, "\(found.output)")
      for part in ["example-1  score 0.", "price 0.12345678", "10.0.0.5:9000", "trust 0.5 -> 0.6"] {
        #expect(found.output.contains(part), "\(part) in \(found.output)")
      }
      let many = try await Self.run(
        Self.python, [examples + "/coordinator.py", "--service", "whisper", "--jobs", "3"],
        coordinator)
      #expect(many.status == 0, "\(many.output)")
      #expect(many.output.contains("finds nobody who is free"), "\(many.output)")
      let curled = try await Self.run(examples + "/coordinator.sh", ["whisper"], coordinator)
      #expect(curled.status == 0, "\(curled.output)")
      #expect(curled.output.contains(#""miner_id":"example-1","trust_score":"#))
      #expect(curled.output.contains(#""earlier":[]"#))
      #expect(curled.output.contains(#"{"results":[{"status":200,"job_id":"#))
      let nothing = try await Self.run(examples + "/coordinator.sh", ["blender"], coordinator)
      #expect(nothing.status != 0 && nothing.output.contains("nobody offers blender"))

      var moments: Set<String> = []
      try await eventually("its heartbeats carry it past a lease") {
        let listed = try await client.miners([("q", "example-1"), ("online", "true")])
        #expect(listed.minerCount == 1)
        if let moment = listed.json?["miners"]?.array?.first?["last_seen_at"]?.string {
          moments.insert(moment)
        }
        return moments.count > 5
      }
      miner.terminate(signal: SIGINT)
      _ = await miner.waitForExit()
      #expect(Self.output(in: folder).hasSuffix("logged out\n"), "\(Self.output(in: folder))")
      #expect(try await client.miners([("q", "example-1"), ("online", "true")]).minerCount == 0)
    }

    @Test("The miner comes back when the gateway was away, and says why when it is refused")
    func away() async throws {
      try await Self.makeEnvironment()
      let hub = try suiteHub()
      let client = try hub.client()
      let folder = try TestFolder()
      defer { folder.remove() }
      let arguments = [
        Self.root + "/examples/miner.py", "--url", client.baseURL, "--miner-id", "example-2",
      ]
      let miner = try await Self.start(
        Self.python, arguments, ["POOLHUB_API_KEY": "the-key-of-the-second"], output: folder)
      defer { miner.terminate(signal: SIGKILL) }
      await eventually("it is connected", within: .seconds(30)) {
        Self.output(in: folder).contains("connected\n")
      }
      let refused = try await Self.run(
        Self.python, arguments, ["POOLHUB_API_KEY": "the-key-of-somebody-else"])
      #expect(refused.status != 0)
      #expect(refused.output.contains("the hub refused: 403"), "\(refused.output)")
      try await hub.restart("gateway-1")
      await eventually("it is back", within: .seconds(60)) {
        Self.output(in: folder).components(separatedBy: "connected\n").count == 3
      }
      try await eventually("it is online", within: .seconds(30)) {
        try await client.miners([("q", "example-2"), ("online", "true")]).minerCount == 1
      }
      miner.terminate(signal: SIGTERM)
      _ = await miner.waitForExit()
    }
  }
}

extension HubAnswer {
  fileprivate var minerCount: Int? { json?["miners"]?.array?.count }
}
