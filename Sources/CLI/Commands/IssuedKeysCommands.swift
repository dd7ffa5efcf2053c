import ArgumentParser
import Fleet
import Glibc
import JSON
import Simulation

/// Who gets the key.
struct KeysIssueCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "issue",
    abstract: "Makes a key for a miner or a coordinator, and shows it this once.",
    discussion: """
      With neither --miner nor --coordinator it is a miner's key that binds to the first miner that registers
      with it. The key alone goes to the standard output, or into a file; what else there is to say goes
      to the standard error.
      """)

  @Option(help: "One more key for this registered miner.")
  var miner: String?

  @Option(help: "A key for the coordinator of this name.")
  var coordinator: String?

  @Option(help: "What to remember it by.")
  var label: String?

  @Option(help: "When it ends, like 2030-01-31T12:00:00Z; left out, when it is revoked.")
  var expiresAt: String?

  @OptionGroup var output: KeyOutput
  @OptionGroup var connection: ConnectionOptions

  func validate() throws {
    if miner != nil && coordinator != nil {
      throw ValidationError("a key is either a miner's or a coordinator's")
    }
  }

  func run() async throws {
    var json = JSONWriter()
    json.object { json in
      json.field("kind", coordinator == nil ? "miner" : "coordinator")
      if let miner { json.field("miner_id", miner) }
      if let coordinator { json.field("coordinator", coordinator) }
      if let label { json.field("label", label) }
      if let expiresAt { json.field("expires_at", expiresAt) }
    }
    let client = try connection.operatorClient()
    try output.check()
    let answer = try await client.request(
      "POST", "/v1/keys", bearer: client.adminSecret, body: json.bytes)
    try output.show(answer, "issue")
  }
}

struct KeysRotateCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "rotate",
    abstract: "Gives a key's owner a new one, and the old one an end.",
    discussion: "Both work until then. Sessions that a miner began with the old one go on.")

  @Argument(help: "The id of the key that ends.")
  var keyID: String

  @Option(help: "For how many seconds the old one still works.")
  var overlap = 86_400

  @OptionGroup var output: KeyOutput
  @OptionGroup var connection: ConnectionOptions

  func run() async throws {
    let client = try connection.operatorClient()
    try output.check()
    let answer = try await client.request(
      "POST", "/v1/keys/\(HubClient.encode(keyID))/rotate", bearer: client.adminSecret,
      text: #"{"overlap_sec": \#(overlap)}"#)
    try output.show(answer, "rotate")
  }
}

struct KeysRevokeCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "revoke",
    abstract: "Ends a key, and every session and connection of its miner.")

  @Argument(help: "The key's id, as list shows it.")
  var keyID: String

  @OptionGroup var connection: ConnectionOptions

  func run() async throws {
    let client = try connection.operatorClient()
    let answer = try await client.request(
      "DELETE", "/v1/keys/\(HubClient.encode(keyID))", bearer: client.adminSecret)
    try answer.requireSuccess("revoke")
    print("\(keyID) is revoked")
  }
}

struct KeysListCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "list", abstract: "Lists keys. The keys themselves are stored nowhere.")

  @Option(help: "Only those of this miner or coordinator.")
  var owner: String?

  @Flag(help: "Also those that were revoked or have ended.")
  var all = false

  @OptionGroup var connection: ConnectionOptions

  func run() async throws {
    var table = TextTable([
      ("key", .left), ("kind", .left), ("owner", .left), ("label", .left), ("live", .left),
      ("created", .left), ("ends", .left),
    ])
    var parameters: [(String, String)] = all ? [] : [("live", "true")]
    if let owner { parameters.append(("owner", owner)) }
    try await connection.operatorClient().eachPage("/v1/keys", parameters, of: "keys") { key in
      table.add(
        ["key_id", "kind", "owner", "label"].map { key[$0]?.string ?? "–" }
          + [
            key["live"]?.bool == true ? "yes" : "no", key["created_at"]?.string ?? "–",
            key["revoked_at"]?.string ?? key["expires_at"]?.string ?? "–",
          ])
      return true
    }
    print(table.text)
  }
}

struct AuditCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "audit", abstract: "Shows what operators did, the newest first.")

  @Option(help: "Only this action, like key.revoke.")
  var action: String?

  @OptionGroup var limit: ListLimit
  @OptionGroup var connection: ConnectionOptions

  func run() async throws {
    let names = ["at", "actor", "origin", "action", "subject", "outcome", "detail"]
    var table = TextTable(names.map { ($0, .left) })
    var shown = 0
    try await connection.operatorClient().eachPage(
      "/v1/audit", action.map { [("action", $0)] } ?? [], of: "entries"
    ) { entry in
      table.add(names.map { entry[$0]?.string ?? "–" })
      shown += 1
      return limit.isOpen(after: shown)
    }
    print(table.text)
  }
}

/// Where a new key goes.
struct KeyOutput: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      "Write the key to this new file, which only its owner may read, and don't print it.",
      valueName: "path"))
  var secretFile: String?

  /// To be asked before a key is made: one that can't be written down must not be.
  func check() throws {
    guard let secretFile else { return }
    try PrivateFile.create(secretFile, with: [])
    unlink(secretFile)
  }

  func show(_ answer: HubAnswer, _ what: String) throws {
    try answer.requireSuccess(what)
    guard let key = answer.json?["key"]?.string, let id = answer.json?["key_id"]?.string else {
      throw CommandError("\(what): the hub's answer holds no key")
    }
    if let secretFile {
      try PrivateFile.create(secretFile, with: Array((key + "\n").utf8))
    } else {
      print(key)
    }
    Console.error("key \(id); it cannot be shown again")
  }
}

extension HubClient {
  /// Gives each item of an operator's listing to `body`, page by page, until that says false.
  fileprivate func eachPage(
    _ path: String, _ parameters: [(String, String)], of list: String,
    _ body: (JSONValue) -> Bool
  ) async throws {
    var cursor: String?
    repeat {
      let query = HubClient.query(parameters + (cursor.map { [("cursor", $0)] } ?? []))
      let answer = try await request("GET", path + query, bearer: adminSecret)
      try answer.requireSuccess(list)
      guard let json = answer.json, let items = json[list]?.array else {
        throw CommandError("the hub's answer holds no \(list)")
      }
      for item in items where !body(item) { return }
      cursor = json["next_cursor"]?.string
    } while cursor != nil
  }
}
