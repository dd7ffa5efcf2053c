import FoundationEssentials
import JSON

/// What the processes of a development fleet prove themselves with: made at random once, kept, reused.
package struct DevSecrets: Equatable, Sendable {
  package static let fileName = "secrets.json"

  package let coordinator: String
  package let admin: String
  /// 32 random bytes in Base64.
  package let sessionSigningKey: String

  /// Reads the secrets kept in `directory`, or makes new ones and keeps them there, readable by their
  /// owner alone.
  package static func keptIn(_ directory: String) throws(FleetError) -> DevSecrets {
    let path = directory + "/" + fileName
    if let bytes = try PrivateFile.read(path) {
      guard let kept = DevSecrets(parsing: bytes) else {
        throw FleetError("\(path) holds no usable secrets; remove it to have new ones made")
      }
      return kept
    }
    let made = DevSecrets()
    try PrivateFile.replace(path, with: made.encoded())
    return made
  }

  private init() {
    coordinator = Self.randomHexadecimal(byteCount: 24)
    admin = Self.randomHexadecimal(byteCount: 24)
    sessionSigningKey = Data(Self.randomBytes(32)).base64EncodedString()
  }

  private init?(parsing bytes: [UInt8]) {
    guard let json = try? JSONValue.parse(bytes),
      let coordinator = json["coordinator_secret"]?.string, !coordinator.isEmpty,
      let admin = json["admin_secret"]?.string, !admin.isEmpty,
      let key = json["session_signing_key"]?.string, Data(base64Encoded: key)?.count == 32
    else { return nil }
    self.coordinator = coordinator
    self.admin = admin
    self.sessionSigningKey = key
  }

  private func encoded() -> [UInt8] {
    var json = JSONWriter()
    json.object {
      $0.field("coordinator_secret", coordinator)
      $0.field("admin_secret", admin)
      $0.field("session_signing_key", sessionSigningKey)
    }
    return json.bytes + [UInt8(ascii: "\n")]
  }

  private static func randomBytes(_ count: Int) -> [UInt8] {
    var generator = SystemRandomNumberGenerator()
    return (0..<count).map { _ in UInt8.random(in: .min ... .max, using: &generator) }
  }

  private static func randomHexadecimal(byteCount: Int) -> String {
    let digits = Array("0123456789abcdef")
    return String(
      randomBytes(byteCount).flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] })
  }
}
