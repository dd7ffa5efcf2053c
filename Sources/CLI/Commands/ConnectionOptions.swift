import ArgumentParser
import Fleet
import FoundationEssentials
import Simulation

/// Which hub to talk to, and with what secrets: as told, else from the environment, else from the fleet
/// that `poolhub dev` runs here.
struct ConnectionOptions: ParsableArguments {
  @Option(
    name: .customLong("url"),
    help: ArgumentHelp(
      "A gateway's base URL; may be repeated. (default: the running poolhub dev's, else http://127.0.0.1:8203)",
      valueName: "url"))
  var urls: [String] = []

  @Option(
    help: ArgumentHelp(
      "The coordinator's secret. (default: POOLHUB_COORDINATOR_SECRET, else poolhub dev's)",
      discussion: "Whoever is on this machine can see a secret that is given here."))
  var coordinatorSecret: String?

  @Option(
    help: ArgumentHelp(
      "The operator's secret. (default: POOLHUB_ADMIN_SECRET, else poolhub dev's)",
      discussion: "Whoever is on this machine can see a secret that is given here."))
  var adminSecret: String?

  @Option(
    help: ArgumentHelp(
      "Read the operator's secret from this file; - reads the standard input.",
      valueName: "path"))
  var adminSecretFile: String?

  @Option(name: .customLong("data"), help: "The folder of the running poolhub dev.")
  var dataDirectory = ".poolhub"

  func validate() throws {
    for url in urls where !url.hasPrefix("http://") && !url.hasPrefix("https://") {
      throw ValidationError("'\(url)' is not a URL such as http://127.0.0.1:8203")
    }
  }

  /// One client a gateway; never empty.
  func clients(timeout: Duration = .seconds(30)) throws -> [HubClient] {
    let dev = try DevState.read(from: dataDirectory)
    let found = urls.isEmpty ? dev?.gateways ?? [] : urls
    // The secrets of a fleet here say nothing about a hub elsewhere.
    let isOurs = dev.map { dev in found.allSatisfy { dev.gateways.contains($0) } } ?? false
    let environment = ProcessInfo.processInfo.environment
    let coordinator = coordinatorSecret ?? environment["POOLHUB_COORDINATOR_SECRET"]
    let admin = try adminSecret ?? secretFromFile() ?? environment["POOLHUB_ADMIN_SECRET"]
    return (found.isEmpty ? ["http://127.0.0.1:8203"] : found).map { url in
      HubClient(
        url: url, coordinatorSecret: coordinator ?? (isOurs ? dev?.coordinatorSecret : nil),
        adminSecret: admin ?? (isOurs ? dev?.adminSecret : nil), timeout: timeout)
    }
  }

  private func secretFromFile() throws -> String? {
    guard let adminSecretFile else { return nil }
    let path = adminSecretFile == "-" ? "/dev/stdin" : adminSecretFile
    guard let bytes = try PrivateFile.read(path) else {
      throw CommandError("there is no file \(path)")
    }
    let secret = String(decoding: bytes, as: UTF8.self).split(whereSeparator: \.isNewline)
    guard secret.count == 1 else { throw CommandError("\(path) doesn't hold one line") }
    return String(secret[0])
  }

  func client() throws -> HubClient { try clients()[0] }

  /// The first client, sure to have a coordinator's secret.
  func coordinatorClient() throws -> HubClient {
    let client = try client()
    if client.coordinatorSecret == nil {
      throw CommandError(
        "no coordinator secret: give --coordinator-secret, set POOLHUB_COORDINATOR_SECRET, "
          + "or run where poolhub dev runs")
    }
    return client
  }

  /// The first client, sure to have an operator's secret.
  func operatorClient() throws -> HubClient {
    let client = try client()
    if client.adminSecret == nil {
      throw CommandError(
        "no operator secret: give --admin-secret, set POOLHUB_ADMIN_SECRET, "
          + "or run where poolhub dev runs")
    }
    return client
  }
}

extension HubAnswer {
  /// - Throws: one line that says what the hub refused and why.
  func requireSuccess(_ what: String) throws {
    if !isSuccess { throw CommandError("\(what): the hub answered \(summary)") }
  }
}
