import CZeroMQ

/// A CURVE key, public or secret, written as 40 characters of Z85.
package struct CurveKey: Hashable, Sendable {
  package static let characterCount = 40
  static let byteCount = 32

  package let text: String
  let bytes: [UInt8]

  /// - Returns: nil when `text` isn't a key.
  package init?(_ text: String) {
    guard text.utf8.count == Self.characterCount, text.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F })
    else { return nil }
    var bytes = [UInt8](repeating: 0, count: Self.byteCount)
    guard zmq_z85_decode(&bytes, text) != nil else { return nil }
    self.text = text
    self.bytes = bytes
  }
}

/// What one side of a link proves itself with.
package struct CurveKeyPair: Equatable, Sendable {
  package let publicKey: CurveKey
  package let secretKey: CurveKey

  /// A new pair.
  package static func generate() throws(ZMQError) -> CurveKeyPair {
    var publicText = [CChar](repeating: 0, count: CurveKey.characterCount + 1)
    var secretText = publicText
    guard zmq_curve_keypair(&publicText, &secretText) == 0,
      let publicKey = CurveKey(text(publicText)), let secretKey = CurveKey(text(secretText))
    else { throw ZMQError(call: "zmq_curve_keypair") }
    return CurveKeyPair(publicKey: publicKey, secretKey: secretKey)
  }

  /// The pair that `secretKey` belongs to.
  package init(secretKey: CurveKey) throws(ZMQError) {
    var publicText = [CChar](repeating: 0, count: CurveKey.characterCount + 1)
    guard zmq_curve_public(&publicText, secretKey.text) == 0,
      let publicKey = CurveKey(Self.text(publicText))
    else { throw ZMQError(call: "zmq_curve_public") }
    self.init(publicKey: publicKey, secretKey: secretKey)
  }

  private init(publicKey: CurveKey, secretKey: CurveKey) {
    self.publicKey = publicKey
    self.secretKey = secretKey
  }

  private static func text(_ characters: [CChar]) -> String {
    String(decoding: characters.prefix { $0 != 0 }.map(UInt8.init), as: UTF8.self)
  }
}

/// How a socket's links are encrypted, and whom it talks to. Without it they are plain.
package enum Curve: Equatable, Sendable {
  /// A gateway's: scorers with one of these public keys may link up, and nobody else.
  case gateway(CurveKeyPair, scorers: Set<CurveKey>)
  /// A scorer's: it talks to nobody but the holder of the gateway's key.
  case scorer(CurveKeyPair, gateways: GatewayKeys)

  /// Which public key the gateway at an endpoint has to hold.
  package struct GatewayKeys: Equatable, Sendable {
    private let own: [String: CurveKey]
    private let common: CurveKey

    /// - Parameters:
    ///   - own: the keys of gateways that have one of their own, by endpoint.
    ///   - common: all others'.
    package init(own: [String: CurveKey] = [:], common: CurveKey) {
      self.own = own
      self.common = common
    }

    package subscript(endpoint: String) -> CurveKey { own[endpoint] ?? common }
  }
}
