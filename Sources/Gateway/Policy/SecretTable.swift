import Crypto

/// Names by their secrets, held as SHA-256. A look-up takes as long whoever asks and whatever it finds.
package struct SecretTable: Sendable {
  private let entries: [(digest: [UInt8], name: String)]

  package init(_ secrets: [(name: String, secret: String)]) {
    entries = secrets.map { (Self.digest($0.secret), $0.name) }
  }

  /// Whose secret it is; nil when nobody's.
  package func name(presenting secret: String) -> String? {
    let presented = Self.digest(secret)
    var found: String?
    for entry in entries {
      var difference: UInt8 = 0
      for index in 0..<presented.count { difference |= presented[index] ^ entry.digest[index] }
      found = difference == 0 ? entry.name : found
    }
    return found
  }

  /// How secrets and API keys rest.
  package static func digest(_ secret: String) -> [UInt8] {
    Array(SHA256.hash(data: Array(secret.utf8)))
  }
}
