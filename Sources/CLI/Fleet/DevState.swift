import Glibc
import JSON

/// Where a running fleet can be reached: the text of `dev.json`.
package struct DevState: Equatable, Sendable {
  package static let fileName = "dev.json"

  package struct Process: Equatable, Sendable {
    package var name: String
    package var pid: pid_t

    package init(name: String, pid: pid_t) {
      self.name = name
      self.pid = pid
    }
  }

  /// Base URLs, in the order of the gateways' numbers.
  package var gateways: [String] = []
  package var coordinatorSecret = ""
  package var adminSecret = ""
  package var databaseDSN = ""
  package var redisURL = ""
  /// ZeroMQ endpoints that the gateways bind and the scorers connect to.
  package var scorerEndpoints: [String] = []
  /// Those that run at this moment.
  package var processes: [Process] = []

  package init() {}

  package func encoded() -> [UInt8] {
    var json = JSONWriter()
    json.object { json in
      json.field("gateways", gateways)
      json.field("coordinator_secret", coordinatorSecret)
      json.field("admin_secret", adminSecret)
      json.field("db_dsn", databaseDSN)
      json.field("redis_url", redisURL)
      json.field("scorer_endpoints", scorerEndpoints)
      json.arrayField("processes") { json in
        for process in processes {
          json.object {
            $0.field("name", process.name)
            $0.field("pid", process.pid)
          }
        }
      }
    }
    return json.bytes + [UInt8(ascii: "\n")]
  }

  /// - Returns: nil when `bytes` aren't such a text.
  package init?(parsing bytes: [UInt8]) {
    guard let json = try? JSONValue.parse(bytes), let gateways = json["gateways"]?.array,
      let coordinatorSecret = json["coordinator_secret"]?.string,
      let adminSecret = json["admin_secret"]?.string, let databaseDSN = json["db_dsn"]?.string,
      let redisURL = json["redis_url"]?.string, let endpoints = json["scorer_endpoints"]?.array,
      let processes = json["processes"]?.array
    else { return nil }
    self.gateways = gateways.compactMap(\.string)
    self.coordinatorSecret = coordinatorSecret
    self.adminSecret = adminSecret
    self.databaseDSN = databaseDSN
    self.redisURL = redisURL
    self.scorerEndpoints = endpoints.compactMap(\.string)
    self.processes = processes.compactMap { process in
      guard let name = process["name"]?.string, let pid = process["pid"]?.int else { return nil }
      return Process(name: name, pid: pid_t(truncatingIfNeeded: pid))
    }
  }

  /// The fleet that runs from `directory`; nil when there is none.
  package static func read(from directory: String) throws(FleetError) -> DevState? {
    let path = directory + "/" + fileName
    guard let bytes = try PrivateFile.read(path) else { return nil }
    guard let state = DevState(parsing: bytes) else {
      throw FleetError("\(path) isn't what poolhub dev writes")
    }
    return state
  }

  /// Replaces `dev.json` in `directory`, whole.
  package func write(to directory: String) throws(FleetError) {
    try PrivateFile.replace(directory + "/" + Self.fileName, with: encoded())
  }
}
