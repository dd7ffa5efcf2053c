import Crypto
import GatewayPolicy
import Testing

@Suite("Codes under a key")
struct KeyedHashTests {
  @Test(
    "they are Crypto's HMAC-SHA-256, whatever the lengths of key and message",
    arguments: 0..<200 as Range<UInt64>)
  func same(seed: UInt64) {
    var random = RequestRandom(seed: seed)
    let key = SymmetricKey(
      data: (0..<Int.random(in: 1...64, using: &random)).map { _ in
        UInt8.random(in: 0...255, using: &random)
      })
    let message = (0..<Int.random(in: 0...300, using: &random)).map { _ in
      UInt8.random(in: 0...255, using: &random)
    }
    let code = message.withUnsafeBytes { KeyedHash(key: key).code(of: $0) }
    #expect(
      HMAC<SHA256>.isValidAuthenticationCode(Array(code), authenticating: message, using: key))
  }
}
