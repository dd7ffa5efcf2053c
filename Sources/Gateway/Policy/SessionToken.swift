import Crypto
import Domain
import Foundation

/// What a verified session token says.
package struct Session: Equatable, Sendable {
  package var minerID: MinerID
  package var issuedAt: Timestamp
  package var expiresAt: Timestamp

  package init(minerID: MinerID, issuedAt: Timestamp, expiresAt: Timestamp) {
    self.minerID = minerID
    self.issuedAt = issuedAt
    self.expiresAt = expiresAt
  }
}

/// Signs and verifies session tokens with no look-up: `pht1.KEY.PAYLOAD.MAC`, where the payload is
/// base64url of «issued ms, expires ms, miner id» and the MAC is HMAC-SHA-256 over all before it.
package struct SessionTokens: Sendable {
  package enum Fault: Error, Equatable { case malformed, unknownKey, badSignature, expired }

  package static let prefix = "pht1."
  private static let tokenByteLimit = 512

  private let keys: [(id: String, key: SymmetricKey)]
  private let lifetimeMilliseconds: Int64

  /// - Parameter keys: the first signs, all verify; at least one.
  package init(keys: [(id: String, secret: [UInt8])], lifetimeSeconds: Int) {
    precondition(!keys.isEmpty, "a gateway has at least one signing key")
    self.keys = keys.map { ($0.id, SymmetricKey(data: $0.secret)) }
    lifetimeMilliseconds = Int64(lifetimeSeconds) * 1_000
  }

  package func issue(for id: MinerID, at now: Timestamp) -> String {
    let expires = now.advanced(byMilliseconds: lifetimeMilliseconds)
    let payload = Data("\(now.milliseconds) \(expires.milliseconds) \(id.text)".utf8)
    let signed = Self.prefix + keys[0].id + "." + payload.base64URL
    let mac = HMAC<SHA256>.authenticationCode(for: Data(signed.utf8), using: keys[0].key)
    return signed + "." + Data(mac).base64URL
  }

  package func verify(_ token: String, at now: Timestamp) throws(Fault) -> Session {
    guard token.utf8.count <= Self.tokenByteLimit, token.hasPrefix(Self.prefix) else {
      throw .malformed
    }
    let parts = token.split(separator: ".", omittingEmptySubsequences: false)
    guard parts.count == 4, let mac = Data(base64URL: parts[3]) else { throw .malformed }
    guard let key = keys.first(where: { $0.id == parts[1] })?.key else { throw .unknownKey }
    let signed = Data(parts[0...2].joined(separator: ".").utf8)
    guard HMAC<SHA256>.isValidAuthenticationCode(mac, authenticating: signed, using: key) else {
      throw .badSignature
    }
    guard let payload = Data(base64URL: parts[2]), let session = Self.read(payload) else {
      throw .malformed
    }
    guard now < session.expiresAt else { throw .expired }
    return session
  }

  private static func read(_ payload: Data) -> Session? {
    let fields = String(decoding: payload, as: UTF8.self).split(separator: " ")
    guard fields.count == 3, let issued = Int64(fields[0]), let expires = Int64(fields[1]),
      let id = MinerID(String(fields[2]))
    else { return nil }
    return Session(
      minerID: id, issuedAt: Timestamp(milliseconds: issued),
      expiresAt: Timestamp(milliseconds: expires))
  }
}

extension Data {
  /// RFC 4648 §5, without padding.
  fileprivate var base64URL: String {
    base64EncodedString().replacing("+", with: "-").replacing("/", with: "_").replacing(
      "=", with: "")
  }

  fileprivate init?(base64URL text: some StringProtocol) {
    let padding = String(repeating: "=", count: (4 - text.utf8.count % 4) % 4)
    self.init(
      base64Encoded: String(text).replacing("-", with: "+").replacing("_", with: "/") + padding)
  }
}
