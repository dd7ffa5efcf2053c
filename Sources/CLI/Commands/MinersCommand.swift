import ArgumentParser
import JSON
import Simulation

struct MinersCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "miners", abstract: "Lists the registered miners.")

  @Option(help: "Only of this region.")
  var region: String?

  @Option(help: "Only those that are online (true) or aren't (false).")
  var online: Bool?

  @Option(help: "Only with this capability.")
  var capability: String?

  @Option(help: "Only with at least this trust, 0 to 1.")
  var minTrust: Double?

  @Option(help: "Only those whose name or address holds this text.")
  var query: String?

  @OptionGroup var limit: ListLimit
  @OptionGroup var connection: ConnectionOptions

  func run() async throws {
    let client = try connection.operatorClient()
    var cursor: String?
    var shown = 0
    repeat {
      let size = limit.limit == 0 ? 1_000 : min(1_000, limit.limit - shown)
      let page = try await page(client, size: size, cursor: cursor)
      if !page.miners.isEmpty || shown == 0 { printTable(page.miners) }
      shown += page.miners.count
      cursor = page.next
    } while cursor != nil && limit.isOpen(after: shown)
    print(
      "\(Format.count(shown)) miners\(cursor == nil ? "" : ", and more: --limit 0 lists them all")")
  }

  private func page(
    _ client: HubClient, size: Int, cursor: String?
  ) async throws -> (miners: [JSONValue], next: String?) {
    var parameters = [("limit", String(size))]
    if let cursor { parameters.append(("cursor", cursor)) }
    if let region { parameters.append(("region", region)) }
    if let online { parameters.append(("online", String(online))) }
    if let capability { parameters.append(("capability", capability)) }
    if let minTrust { parameters.append(("min_trust", String(minTrust))) }
    if let query { parameters.append(("q", query)) }
    let answer = try await client.miners(parameters)
    try answer.requireSuccess("miners")
    guard let json = answer.json, let miners = json["miners"]?.array else {
      throw CommandError("miners: the hub's answer holds no miners")
    }
    return (miners, json["next_cursor"]?.string)
  }

  private func printTable(_ miners: [JSONValue]) {
    var table = TextTable([
      ("miner", .left), ("region", .left), ("online", .left), ("vram", .right), ("price", .right),
      ("queue", .right), ("latency", .right), ("trust", .right), ("last seen", .left),
    ])
    for miner in miners {
      let queue = miner["queue_len"]?.int.map(String.init) ?? "–"
      let slots = miner["max_parallel"]?.int.map(String.init) ?? "–"
      let latency = miner["avg_latency_ms"]?.double
      table.add([
        text(miner["miner_id"]), text(miner["region"]),
        miner["online"]?.bool == true ? "yes" : "no", text(miner["gpu_vram_gb"]),
        text(miner["price_token_per_ksec"]), "\(queue)/\(slots)",
        latency.map { Format.duration(.microseconds(Int64($0 * 1_000))) } ?? "–",
        miner["trust_score"]?.double.map { Format.decimal($0, places: 3) } ?? "–",
        text(miner["last_seen_at"]),
      ])
    }
    print(table.text)
  }

  private func text(_ value: JSONValue?) -> String {
    switch value {
    case .string(let text)?, .number(let text)?: text
    default: "–"
    }
  }
}
