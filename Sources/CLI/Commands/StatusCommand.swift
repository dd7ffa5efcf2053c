import ArgumentParser
import Fleet
import JSON
import Simulation

struct StatusCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "status",
    abstract: "Shows how the fleet is: each gateway, and its scorers.",
    discussion: """
      Gateways that announce themselves to scorers and weren't asked are named, too. Exits with 0 when \
      every gateway that was asked says that all is well, with 1 otherwise.
      """)

  @OptionGroup var connection: ConnectionOptions

  func run() async throws {
    var table = TextTable([
      ("gateway", .left), ("name", .left), ("status", .left), ("db", .left), ("redis", .left),
      ("scorers", .right), ("miners", .right), ("latency", .right), ("version", .left),
    ])
    var scorers = TextTable([
      ("gateway", .left), ("scorer", .left), ("state", .left), ("in flight", .right),
      ("lag", .right), ("answers/s", .right), ("miners", .right),
    ])
    var asked: Set<String> = []
    var announced: Set<String> = []
    var isWell = true
    for client in try connection.clients(timeout: .seconds(5)) {
      do {
        let health = try await client.health()
        guard let json = health.json, let status = json["status"]?.string else {
          throw CommandError("it answered \(health.status) and no health")
        }
        isWell = isWell && status == "ok"
        table.add(row(client.baseURL, status, json))
        let name = json["gateway"]?.string ?? client.baseURL
        asked.insert(name)
        announced.formUnion(json["gateways"]?.array?.compactMap(\.string) ?? [])
        for scorer in json["scorer_list"]?.array ?? [] { scorers.add(row(name, scorer)) }
      } catch {
        isWell = false
        let reason = (error as? HubUnreachable)?.reason ?? "\(error)"
        table.add([client.baseURL, reason] + Array(repeating: "–", count: 7))
      }
    }
    for name in announced.subtracting(asked).sorted() {
      table.add(["–", name, "not asked: give its --url"] + Array(repeating: "–", count: 6))
    }
    print(table.text)
    if !scorers.isEmpty { print("\n\(scorers.text)") }
    try printProcesses()
    if !isWell { throw ExitCode.failure }
  }

  private func row(_ url: String, _ status: String, _ json: JSONValue) -> [String] {
    [
      url, json["gateway"]?.string ?? "–", status, store(json["db"], json["db_error"]),
      store(json["redis"], json["redis_error"]),
      json["scorers"]?.int.map(String.init) ?? "–",
      json["miners_online"]?.int.map { Format.count($0) } ?? "–",
      json["avg_latency_ms"]?.double.map { Format.duration(.microseconds(Int64($0 * 1_000))) }
        ?? "–",
      json["version"]?.string ?? "–",
    ]
  }

  private func row(_ gateway: String, _ scorer: JSONValue) -> [String] {
    let state = scorer["state"]?.string ?? "–"
    let errs = scorer["circuit"]?.string.map { $0 != "closed" } ?? false
    return [
      gateway, scorer["scorer"]?.string ?? "–", errs ? "\(state), erring" : state,
      scorer["in_flight"]?.int.map { Format.count($0) } ?? "–",
      scorer["lag_ms"]?.int.map { Format.duration(.milliseconds($0)) } ?? "–",
      scorer["answers_per_sec"]?.int.map { Format.count($0) } ?? "–",
      scorer["miners_online"]?.int.map { Format.count($0) } ?? "–",
    ]
  }

  private func store(_ value: JSONValue?, _ error: JSONValue?) -> String {
    if let reason = error?.string { return reason }
    switch value {
    case .bool(let isUp)?: return isUp ? "up" : "down"
    case .string(let text)?: return text
    default: return "–"
    }
  }

  /// The processes of the fleet that runs here.
  private func printProcesses() throws {
    guard connection.urls.isEmpty, let dev = try DevState.read(from: connection.dataDirectory)
    else {
      return
    }
    var table = TextTable([("process", .left), ("pid", .right)])
    for process in dev.processes { table.add([process.name, String(process.pid)]) }
    print("\n\(table.text)")
  }
}
