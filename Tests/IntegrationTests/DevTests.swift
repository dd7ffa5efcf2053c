import Foundation
import Glibc
import JSON
import Simulation
import TestSupport
import Testing

extension RunningProcesses {
  @Suite("poolhub dev", .hub(scorers: 2)) struct Dev {
    @Test("dev.json tells where everything is, to its owner only")
    func stateFile() async throws {
      let hub = try suiteHub()
      let path = "\(hub.directory)/dev.json"
      let attributes = try FileManager.default.attributesOfItem(atPath: path)
      #expect(attributes[.posixPermissions] as? Int == 0o600)
      let json = try JSONValue.parse(
        Array(try Data(contentsOf: URL(fileURLWithPath: path))))
      let names = try #require(json.object?.members.map(\.name))
      #expect(
        names.sorted() == [
          "admin_secret", "coordinator_secret", "db_dsn", "gateways", "processes", "redis_url",
          "scorer_endpoints",
        ])
      let gateways = try #require(json["gateways"]?.array)
      #expect(gateways.count == 1)
      #expect(gateways[0].string?.hasPrefix("http://127.0.0.1:") == true)
      for secret in ["coordinator_secret", "admin_secret"] {
        #expect((json[secret]?.string ?? "").utf8.count >= 24)
      }
      let processes = try #require(json["processes"]?.array)
      #expect(
        processes.compactMap { $0["name"]?.string } == [
          "gateway-1", "postgres", "redis", "scorer-1", "scorer-2",
        ])
      for process in processes {
        let pid = pid_t(try #require(process["pid"]?.int))
        #expect(isRunning(pid))
        #expect(family(of: hub.devPID).contains(pid))
      }
    }

    @Test(
      "A process that is killed is started again, and dev.json says so",
      arguments: ["gateway-1", "scorer-1", "scorer-2", "redis"])
    func restarts(name: String) async throws {
      let hub = try suiteHub()
      let others = try #require(try hub.state()).processes.filter { $0.name != name }
      try await hub.restart(name)
      try await hub.waitForHealth("ok", scorers: 2)
      let state = try #require(try hub.state())
      #expect(state.processes.filter { $0.name != name } == others)
      #expect(state.processes.count == 5)
      #expect(hub.log().contains("\(name) runs again, process \(try hub.pid(of: name))"))
    }

    @Test("A second one on the same folder is refused in one line, and the first goes on")
    func secondOnOneFolder() async throws {
      let hub = try suiteHub()
      let run = try await ProgramRun.run(
        "poolhub", ["dev", "--port", "0", "--data", hub.directory])
      #expect(run.status == 1)
      #expect(run.lines == ["Error: another poolhub dev is using \(hub.directory)"])
      try await hub.waitForHealth("ok", scorers: 2)
      #expect(try hub.state() != nil)
    }

    @Test("A taken port is refused in one line")
    func takenPort() async throws {
      let hub = try suiteHub()
      let url = try #require(try hub.state()).gateways[0]
      let port = try #require(url.split(separator: ":").last)
      let folder = try TestFolder()
      defer { folder.remove() }
      let run = try await ProgramRun.run(
        "poolhub", ["dev", "--port", "\(port)", "--data", folder.path])
      #expect(run.status == 1)
      #expect(run.lines.count == 1, "\(run.output)")
      #expect(run.output.contains("port \(port) on 127.0.0.1 is taken"))
    }

    @Test("A process that a bad setting stops is shown with its own words")
    func badSetting() async throws {
      let folder = try TestFolder()
      defer { folder.remove() }
      let run = try await ProgramRun.run(
        "poolhub",
        ["dev", "--port", "0", "--data", folder.path, "--set", "POOLHUB_LEASE_TTL_SEC=soon"])
      #expect(run.status == 1)
      #expect(run.output.contains("POOLHUB_LEASE_TTL_SEC is not a whole number"))
      #expect(run.duration < .seconds(40))
    }
  }
}
