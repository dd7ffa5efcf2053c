import Fleet
import Foundation
import Testing

@Suite("What dev.json says")
struct DevStateTests {
  private var state: DevState {
    var state = DevState()
    state.gateways = ["http://127.0.0.1:8203", "http://127.0.0.1:8204"]
    state.coordinatorSecret = "one"
    state.adminSecret = "two"
    state.databaseDSN = "host='/a folder' dbname=poolhub"
    state.redisURL = "unix:///run/redis.sock"
    state.scorerEndpoints = ["ipc:///run/gateway-1.sock"]
    state.processes = [.init(name: "gateway-1", pid: 17), .init(name: "redis", pid: 18)]
    return state
  }

  @Test("Its members have the names and types that programs rely on")
  func shape() throws {
    let object = try #require(
      try JSONSerialization.jsonObject(with: Data(state.encoded())) as? [String: Any])
    #expect(
      Set(object.keys) == [
        "gateways", "coordinator_secret", "admin_secret", "db_dsn", "redis_url",
        "scorer_endpoints", "processes",
      ])
    #expect(object["gateways"] as? [String] == state.gateways)
    #expect(object["coordinator_secret"] as? String == "one")
    #expect(object["admin_secret"] as? String == "two")
    #expect(object["db_dsn"] as? String == state.databaseDSN)
    #expect(object["redis_url"] as? String == state.redisURL)
    #expect(object["scorer_endpoints"] as? [String] == state.scorerEndpoints)
    let processes = try #require(object["processes"] as? [[String: Any]])
    #expect(processes.map { $0["name"] as? String } == ["gateway-1", "redis"])
    #expect(processes.map { $0["pid"] as? Int } == [17, 18])
  }

  @Test("What is written is read back, for its owner's eyes only")
  func roundTrip() throws {
    let folder = try ScratchFolder()
    #expect(try DevState.read(from: folder.path) == nil)
    try state.write(to: folder.path)
    try state.write(to: folder.path)
    #expect(try DevState.read(from: folder.path) == state)
    #expect(try folder.mode(of: DevState.fileName) == 0o600)
    #expect(try folder.names() == [DevState.fileName])
  }

  @Test(
    "A text that isn't dev.json is refused by name",
    arguments: ["", "{}", "[1]", "{\"gateways\":1}"])
  func garbage(text: String) throws {
    let folder = try ScratchFolder()
    try Data(text.utf8).write(to: URL(fileURLWithPath: folder.path + "/" + DevState.fileName))
    #expect(throws: FleetError.self) { try DevState.read(from: folder.path) }
  }
}
