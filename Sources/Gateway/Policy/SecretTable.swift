import Crypto

/// Names by their secrets, held as SHA-256. A look-up takes as long whoever asks and whatever it finds.
package struct SecretTable: Sendable {
  private let entries: [(digest: [UInt8], name: String)]

  package init(_ secrets: [(name: String, secret: String)]) {
    entries = secrets.map { (Self.digest($0.secret), $0.name) }
  }

  /// - Parameter digests: SHA-256 of each secret.
  package init(digests: [(name: String, digest: [UInt8])]) {
    entries = digests.filter { $0.digest.count == SHA256.byteCount }.map { ($0.digest, $0.name) }
  }

  /// How many secrets of that name there are.
  package func count(of name: String) -> Int { entries.count { $0.name == name } }

  /// These and those.
  package func joined(with other: SecretTable) -> SecretTable {
    SecretTable(digests: (entries + other.entries).map { ($0.name, $0.digest) })
  }

  /// Whose secret it is; nil when nobody's.
  package func name(presenting secret: String) -> String? {
    Self.hash(secret).withUnsafeBytes { presented in
      var found: Int?
      for (index, entry) in entries.enumerated() {
        let difference = entry.digest.withUnsafeBytes { known in
          var difference: UInt8 = 0
          for place in 0..<SHA256.byteCount { difference |= presented[place] ^ known[place] }
          return difference
        }
        found = difference == 0 ? index : found
      }
      return found.map { entries[$0].name }
    }
  }

  /// How secrets and API keys rest.
  package static func digest(_ secret: String) -> [UInt8] {
    hash(secret).withUnsafeBytes { Array($0) }
  }

  private static func hash(_ secret: String) -> SHA256Digest {
    var secret = secret
    return secret.withUTF8 { bytes in
      var hash = SHA256()
      hash.update(bufferPointer: UnsafeRawBufferPointer(bytes))
      return hash.finalize()
    }
  }
}
