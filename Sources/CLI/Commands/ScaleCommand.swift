import ArgumentParser
import Fleet
import Glibc
import JSON
import Scaling
import Simulation

struct ScaleCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "scale",
    abstract: "Brings the scorers that systemd runs on this host to a number.",
    discussion: """
      Starts the lowest free poolhub-scorer@N and waits until a gateway uses them, or lets the highest finish \
      what they have and stop. They stay enabled or disabled accordingly, so a restart of the host changes \
      nothing. Needs root. Scorers that look for gateways elsewhere need POOLHUB_GATEWAYS, and here the --url of \
      one of these gateways.
      """)

  @Argument(help: "How many scorers.")
  var count: Int

  @Option(help: "Seconds until new scorers have to serve.")
  var timeout = 120

  @Option(help: ArgumentHelp("The systemctl to run.", visibility: .private))
  var systemctl = "/usr/bin/systemctl"

  @Option(
    help: ArgumentHelp("This host's name in its scorers' names. (default: its short name)"))
  var host: String?

  @OptionGroup var connection: ConnectionOptions

  func validate() throws {
    guard (0...ScorerUnits.countLimit).contains(count) else {
      throw ValidationError("count is not a number from 0 to \(ScorerUnits.countLimit)")
    }
    guard (1...86_400).contains(timeout) else {
      throw ValidationError("timeout is not a number from 1 to 86400")
    }
  }

  func run() async throws {
    let client = try connection.clients(timeout: .seconds(5))[0]
    let scaling = ScorerScaling(
      control: SystemctlProgram(path: systemctl), host: host ?? Self.shortHostName,
      serving: { try await Self.serving(client) }, say: { Console.out($0) })
    do {
      try await scaling.scale(to: count, patience: .seconds(timeout))
    } catch let fault as SystemControlFault {
      throw CommandError(fault.description)
    }
  }

  /// As systemd's %l.
  private static var shortHostName: String {
    var name = [CChar](repeating: 0, count: Int(HOST_NAME_MAX) + 1)
    guard gethostname(&name, name.count) == 0 else { return "localhost" }
    let bytes = name.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }
    return String(decoding: bytes.prefix { $0 != UInt8(ascii: ".") }, as: UTF8.self)
  }

  /// The scorers that answer matches of this gateway.
  private static func serving(_ client: HubClient) async throws -> Set<String> {
    let health = try await client.health()
    guard let list = health.json?["scorer_list"]?.array else {
      throw CommandError("\(client.baseURL) answered \(health.status) and no list of scorers")
    }
    return Set(
      list.compactMap { $0["state"]?.string == "ready" ? $0["scorer"]?.string : nil })
  }
}
