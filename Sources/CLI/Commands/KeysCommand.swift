import ArgumentParser
import Fleet
import Messaging

struct KeysCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "keys", abstract: "Issues, lists, rotates and revokes keys.",
    subcommands: [
      KeysIssueCommand.self, KeysListCommand.self, KeysRotateCommand.self, KeysRevokeCommand.self,
      KeysCurveCommand.self,
    ])
}

struct KeysCurveCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "curve",
    abstract: "Makes a key pair for encrypted links between gateways and scorers (CURVE).",
    discussion: """
      Each process gets a pair, or all gateways share one and all scorers another. The secret key goes into
      POOLHUB_CURVE_SECRET_KEY of its owner; the public key into POOLHUB_CURVE_SCORER_KEYS of the gateways,
      if the owner is a scorer, or into POOLHUB_CURVE_GATEWAY_KEYS of the scorers, if it is a gateway.
      In a shell, put the keys between single quotes.
      """)

  @Option(
    help: ArgumentHelp(
      "Write the secret key alone to this new file, which only its owner may read.",
      discussion: "As a systemd credential it is called poolhub-curve-secret-key.",
      valueName: "path"))
  var secretFile: String?

  @Option(help: "Show the public key that belongs to the secret key in this file; make no pair.")
  var publicOf: String?

  func validate() throws {
    if secretFile != nil && publicOf != nil {
      throw ValidationError("--public-of makes no pair, so there is nothing for --secret-file")
    }
  }

  func run() throws {
    if let publicOf { return print(try pair(in: publicOf).publicKey.text) }
    let pair = try CurveKeyPair.generate()
    if let secretFile {
      try PrivateFile.create(secretFile, with: Array((pair.secretKey.text + "\n").utf8))
    }
    print("# The public key, for the other side:")
    print(pair.publicKey.text)
    if let secretFile {
      print("# The secret key is in \(secretFile).")
    } else {
      print("# The secret key, for its owner alone:")
      print("POOLHUB_CURVE_SECRET_KEY=\(pair.secretKey.text)")
    }
  }

  private func pair(in path: String) throws -> CurveKeyPair {
    guard let bytes = try PrivateFile.read(path) else {
      throw CommandError("there is no file \(path)")
    }
    let words = String(decoding: bytes, as: UTF8.self).split(whereSeparator: \.isWhitespace)
    guard words.count == 1, let key = CurveKey(String(words[0])) else {
      throw CommandError("\(path) doesn't hold one key of 40 characters")
    }
    return try CurveKeyPair(secretKey: key)
  }
}
