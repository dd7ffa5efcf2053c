/// The keys of encrypted links between gateways and scorers, as they are written.
package struct CurveSettings: Sendable {
  /// POOLHUB_CURVE_SECRET_KEY: this process's own.
  package var secretKey: String
  /// The public keys of those at the other end.
  package var peerKeys: [String]

  private static let secret = "POOLHUB_CURVE_SECRET_KEY"
  private static let mend = "make a pair with `poolhub keys curve`"
  private let peers: String

  /// - Parameter peers: the key under which the others' public keys stand.
  /// - Returns: nil when none of it is set.
  init?(_ reader: SettingsReader, peers: String) throws(SettingsError) {
    let secretKey = reader.text(Self.secret, isSecret: true)
    peerKeys = reader.list(peers)
    self.peers = peers
    if secretKey == nil && peerKeys.isEmpty { return nil }
    guard let secretKey else {
      throw SettingsError(
        key: Self.secret, fault: "is missing, though \(peers) is set", mend: Self.mend)
    }
    guard !peerKeys.isEmpty else {
      throw SettingsError(
        key: peers, fault: "is missing, though \(Self.secret) is set",
        mend: "list the public keys of the other side, separated by commas")
    }
    self.secretKey = secretKey
  }

  /// The texts as keys, read by those who will use them.
  package func keys<Key>(
    _ read: (String) -> Key?
  ) throws(SettingsError) -> (secret: Key, peers: [Key]) {
    guard let secret = read(secretKey) else {
      throw SettingsError(
        key: Self.secret, fault: "is not a key of 40 characters", mend: Self.mend)
    }
    var peers: [Key] = []
    for text in peerKeys {
      guard let key = read(text) else {
        throw SettingsError(
          key: self.peers, fault: "has an entry that is not a key of 40 characters",
          mend: "list public keys of the other side, as `poolhub keys curve` shows them")
      }
      peers.append(key)
    }
    return (secret, peers)
  }
}
