import ArgumentParser
import Domain
import JSON
import Simulation

struct MatchCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "match", abstract: "Asks for the best miners of a job.")

  @Option(help: "A capability, any of which is enough; may be repeated.")
  var capability: [String] = []

  @Option(help: "The miner's region.")
  var region: String?

  @Option(help: "The least VRAM in GB.")
  var minVram: Double?

  @Option(help: "The least RAM in GB.")
  var minRam: Double?

  @Option(help: "The highest price in tokens for a thousand seconds.")
  var maxPrice: String?

  @Option(help: "The least trust, 0 to 1.")
  var minTrust: Double?

  @Option(help: "An accelerator, any of which is enough; may be repeated.")
  var accel: [String] = []

  @Option(help: "A tag, any of which is enough; may be repeated.")
  var tag: [String] = []

  @Option(help: "How many candidates.")
  var topK = 5

  @Option(help: "The job's name.")
  var job: String?

  @Flag(help: "Also show each score's parts, and how many miners each filter left out.")
  var explain = false

  @Flag(help: "Count what was just offered to such matches against miners' free slots.")
  var spread = false

  @OptionGroup var connection: ConnectionOptions

  func validate() throws {
    guard Limits.topK.contains(topK) else { throw ValidationError("--top-k must be 1 to 50") }
    if let maxPrice, (try? Price(decimal: maxPrice)) == nil {
      throw ValidationError("--max-price '\(maxPrice)' is not a price such as 0.8")
    }
    for value in [minVram, minRam, minTrust] {
      if let value, !value.isFinite { throw ValidationError("numbers must be finite") }
    }
  }

  func run() async throws {
    let client = try connection.coordinatorClient()
    let answer = try await client.match(body)
    try answer.requireSuccess("match")
    guard let json = answer.json, let candidates = json["candidates"]?.array else {
      throw CommandError("match: the hub's answer holds no candidates")
    }
    if !candidates.isEmpty { print(table(candidates).text) } else { print("no candidate") }
    if candidates.isEmpty || explain { printCounts(json) }
  }

  private var body: [UInt8] {
    var json = JSONWriter()
    json.object { json in
      json.field("job_id", job ?? "cli-" + String(UInt64.random(in: .min ... .max), radix: 36))
      json.objectField("requirements") { json in
        if let minVram { json.field("min_vram_gb", minVram) }
        if let minRam { json.field("min_ram_gb", minRam) }
        if let minTrust { json.field("min_trust", minTrust) }
        json.field("accel", accel)
        json.field("tags_any", tag)
        json.field("capabilities_any", capability)
      }
      json.objectField("hints") { json in
        if let region { json.field("region", region) }
        if let maxPrice { json.field("max_price", number: maxPrice) }
      }
      json.field("top_k", topK)
      json.field("explain", explain ? "full" : "brief")
      if spread { json.field("spread", true) }
    }
    return json.bytes
  }

  private func table(_ candidates: [JSONValue]) -> TextTable {
    let parts = ["cap", "price", "latency", "trust", "load"]
    var table = TextTable(
      [
        ("miner", .left), ("region", .left), ("score", .right), ("price", .right),
        ("trust", .right), ("eta", .right), ("address", .left),
      ] + (explain ? parts.map { ("·" + $0, .right) } : []))
    for candidate in candidates {
      let own = [
        text(candidate["miner_id"]), text(candidate["region"]), number(candidate["score"], 4),
        text(candidate["price"]), number(candidate["trust"], 3),
        candidate["eta_ms"]?.double.map { Format.duration(.microseconds(Int64($0 * 1_000))) }
          ?? "–",
        "\(text(candidate["proto"]))://\(text(candidate["addr"]))",
      ]
      let breakdown = candidate["breakdown"]
      table.add(own + (explain ? parts.map { number(breakdown?[$0], 2) } : []))
    }
    return table
  }

  private func printCounts(_ json: JSONValue) {
    guard let considered = json["considered"]?.int else { return }
    print(
      "\(Format.count(considered)) considered, \(Format.count(json["eligible"]?.int ?? 0)) eligible"
    )
    var table = TextTable([("left out by", .left), ("miners", .right)])
    for (name, value) in json["rejected"]?.object?.members ?? [] {
      if let count = value.int, count > 0 { table.add([name, Format.count(count)]) }
    }
    if !table.isEmpty { print(table.text) }
  }

  private func text(_ value: JSONValue?) -> String {
    switch value {
    case .string(let text)?, .number(let text)?: text
    default: "–"
    }
  }

  private func number(_ value: JSONValue?, _ places: Int) -> String {
    value?.double.map { Format.decimal($0, places: places) } ?? "–"
  }
}
